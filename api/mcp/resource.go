package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
)

const (
	termScheme  = "term://"
	jobScheme   = "job://"
	classesURI  = "satgraph://classes"
	jsonType    = "application/json"
	reportSpace = "/report"
)

func (s *Server) resources() {
	s.sdk.AddResource(&sdk.Resource{
		URI: classesURI, Name: "classes", Title: "Classes of the corpus", MIMEType: jsonType,
		Description: "Every class that models are trained on: its name, modality and the term that it stands for.",
	}, s.resource(auth.Read, func(context.Context, string) (any, error) { return s.allClasses(), nil }))
	s.sdk.AddResourceTemplate(&sdk.ResourceTemplate{
		URITemplate: termScheme + "{+id}", Name: "term", Title: "A term of the anatomy tree", MIMEType: jsonType,
		Description: "A term by its id, such as term://UBERON:0000948, as find_term tells it.",
	}, s.resource(auth.Read, func(_ context.Context, uri string) (any, error) {
		info, ok := s.termInfo(s.config.Tree(), s.config.Resolver(), strings.TrimPrefix(uri, termScheme))
		if !ok {
			return nil, sdk.ResourceNotFoundError(shorten(uri, longestName))
		}
		return info, nil
	}))
	s.sdk.AddResourceTemplate(&sdk.ResourceTemplate{
		URITemplate: jobScheme + "{+id}" + reportSpace, Name: "report", Title: "The report of a job", MIMEType: jsonType,
		Description: "A job as it stands or as it ended, as the tool job tells it.",
	}, s.resource(auth.Read, func(ctx context.Context, uri string) (any, error) {
		j, err := s.config.Jobs.Get(ctx, strings.TrimSuffix(strings.TrimPrefix(uri, jobScheme), reportSpace))
		if err != nil {
			return nil, err
		}
		return s.tell(&j), nil
	}))
}

// resource makes a handler of what a URI stands for.
func (s *Server) resource(needs auth.Permission, find func(ctx context.Context, uri string) (any, error)) sdk.ResourceHandler {
	return func(ctx context.Context, r *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		ctx, done, err := s.begin(ctx, tool{needs: needs})
		if err != nil {
			return nil, s.explain(err)
		}
		defer done()
		uri := r.Params.URI
		if plain, err := url.PathUnescape(uri); err == nil {
			uri = plain
		}
		value, err := find(ctx, uri)
		if err != nil {
			if _, ok := errors.AsType[*jsonrpc.Error](err); ok {
				return nil, err
			}
			return nil, s.explain(err)
		}
		text, err := json.MarshalIndent(value, "", " ")
		if err != nil {
			return nil, err
		}
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: r.Params.URI, MIMEType: jsonType, Text: string(text)}}}, nil
	}
}

type corpusClass struct {
	Class    string  `json:"class"`
	Modality string  `json:"modality"`
	Term     termRef `json:"term"`
	Fit      string  `json:"fit"`
}

func (s *Server) allClasses() []corpusClass {
	tree := s.config.Tree()
	out := []corpusClass{}
	for _, c := range s.config.Resolver().Classes() {
		out = append(out, corpusClass{c.Name, string(c.Modality), s.ref(tree, c.TermID), fitOf(c)})
	}
	return out
}
