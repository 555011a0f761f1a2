package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/datasets/build"
	"satgraph/datasets/export"
	"satgraph/datasets/standard"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
)

// ordered is what came of asking for a job of another kind than segmentation.
type ordered struct {
	job   *jobs.Job
	wrong *mistaken
}

// workTypes are the types of jobs of other kinds.
type workTypes struct {
	kind    *graphql.Enum
	format  *graphql.Enum
	payload *graphql.Object
	mistake *graphql.Object
}

// exportFormats are the forms that a corpus is exported in.
var exportFormats = []value{
	{"SAT", "sat", "Arrays and rows as SAT's training code reads them."},
	{"NNUNET", "nnunet", "Raw datasets of nnU-Net v2."},
	{"MONAI", "monai", "Decathlon datasets as MONAI reads them."},
	{"CROISSANT", "croissant", "NIfTI files described in Croissant."},
	{"BIDS", "bids", "BIDS derivatives with dseg.tsv."},
	{"DICOMSEG", "dicomseg", "DICOM series with segmentations in SNOMED CT codes."},
	{"INDEX", "index", "Tables of scans, structures and classes in Parquet."},
}

// ExportFormats are the names that the service gives to [Config.Formats].
func ExportFormats() []string {
	var names []string
	for _, f := range exportFormats {
		names = append(names, f.is.(string)) //nolint:forcetypeassert // they are above
	}
	return names
}

func jobKindEnum() *graphql.Enum {
	return enum("JobKind", "What a job does.",
		value{"SEGMENT", jobs.Segmentation, "Segments structures in a scan."},
		value{"STANDARDIZE", kinds.Standardize, "Brings a scan to the form that SAT's networks are trained on."},
		value{"BUILD", kinds.Build, "Builds a corpus of raw datasets."},
		value{"MEASURE", kinds.Measure, "Measures a built corpus for its gates."},
		value{"EXPORT", kinds.Export, "Exports a built corpus."},
		value{"IMPORT", kinds.Import, "Reads the labels of a dataset in."})
}

// resultType is the union of what jobs give beside structures.
func (s *Service) resultType() *graphql.Union {
	failure := graphql.NewObject(graphql.ObjectConfig{
		Name: "BuildFailure", Description: "A scan that could not be built.",
		Fields: graphql.Fields{
			"scan":   text(s, "The dataset and the scan's id.", func(x build.Failure) string { return x.Scan }),
			"reason": text(s, "Why.", func(x build.Failure) string { return x.Reason }),
		},
	})
	standardized := graphql.NewObject(graphql.ObjectConfig{
		Name: "StandardizedScan", Description: "A scan in the form that SAT's networks are trained on; the job's files are the image and the record of what was done to it.",
		Fields: graphql.Fields{
			"shape":       {Type: listOf(graphql.Int), Description: "Its voxels along each axis.", Resolve: get(s, func(x kinds.Standardized) any { return x.Shape[:] })},
			"spacing":     {Type: listOf(graphql.Float), Description: "Its voxel size in mm.", Resolve: get(s, func(x kinds.Standardized) any { return x.Spacing[:] })},
			"orientation": text(s, `The direction in which each axis grows, such as "RAS".`, func(x kinds.Standardized) string { return x.Orientation }),
		},
	})
	built := graphql.NewObject(graphql.ObjectConfig{
		Name: "BuiltCorpus", Description: "A corpus that was built, or brought up to date: corpus { build(name:) } tells of it.",
		Fields: graphql.Fields{
			"name":      text(s, "Its name.", func(x kinds.Built) string { return x.Name }),
			"hash":      text(s, "Its version: the hash of its content.", func(x kinds.Built) string { return x.Hash }),
			"scans":     whole(s, "Scans that it has.", func(x kinds.Built) int { return x.Scans }),
			"built":     whole(s, "Scans that were built since the job was last started.", func(x kinds.Built) int { return x.Built }),
			"unchanged": whole(s, "Scans that were there already.", func(x kinds.Built) int { return x.Unchanged }),
			"failed":    whole(s, "Scans that could not be built.", func(x kinds.Built) int { return x.Failed }),
			"pruned":    whole(s, "Scans that were dropped, since they are not listed any more.", func(x kinds.Built) int { return x.Pruned }),
			"failures":  listField(s, failure, "The first of those that could not be built.", func(x kinds.Built) []build.Failure { return x.Failures }),
			"missing":   texts(s, "Datasets that do not lie in the folder, and were not asked for.", func(x kinds.Built) []string { return x.Missing }),
		},
	})
	measured := graphql.NewObject(graphql.ObjectConfig{
		Name: "MeasuredCorpus", Description: "A corpus that was measured: corpus { build(name:) { gates } } says what its gates find.",
		Fields: graphql.Fields{
			"corpus": text(s, "Its name.", func(x kinds.Measured) string { return x.Corpus }),
			"hash":   text(s, "The version that was measured.", func(x kinds.Measured) string { return x.Hash }),
			"scans":  whole(s, "Scans that it has.", func(x kinds.Measured) int { return x.Scans }),
		},
	})
	exported := graphql.NewObject(graphql.ObjectConfig{
		Name: "ExportedCorpus", Description: "An export of a corpus; its files are those of the job.",
		Fields: graphql.Fields{
			"name":    {Type: graphql.String, Description: "Its name in the operator's folder of exports; null where it is kept with the job, and goes with it.", Resolve: get(s, func(x kinds.Exported) any { return nilIfEmpty(x.Name) })},
			"format":  {Type: required(graphql.String), Description: "Its form.", Resolve: get(s, func(x kinds.Exported) any { return x.Format })},
			"hash":    text(s, "The hash of all files and their names.", func(x kinds.Exported) string { return x.Hash }),
			"count":   whole(s, "How many files it has.", func(x kinds.Exported) int { return x.Files }),
			"bytes":   {Type: required(graphql.Float), Description: "How large they are.", Resolve: get(s, func(x kinds.Exported) any { return float64(x.Bytes) })},
			"samples": whole(s, "Scans in it.", func(x kinds.Exported) int { return x.Samples }),
		},
	})
	imported := graphql.NewObject(graphql.ObjectConfig{
		Name: "ImportedLabels", Description: "Labels that were read in.",
		Fields: graphql.Fields{
			"written":   whole(s, "Labels that are new, or of which something new is known.", func(x kinds.Imported) int { return x.Written }),
			"unchanged": whole(s, "Labels that were in already.", func(x kinds.Imported) int { return x.Unchanged }),
			"repeated":  texts(s, "Rows that were left out, since their label stands in an earlier one.", func(x kinds.Imported) []string { return x.Repeated }),
		},
	})
	return graphql.NewUnion(graphql.UnionConfig{
		Name: "JobResult", Description: "What a job gave beside structures.",
		Types: []*graphql.Object{standardized, built, measured, exported, imported},
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object {
			switch p.Value.(type) {
			case kinds.Standardized:
				return standardized
			case kinds.Built:
				return built
			case kinds.Measured:
				return measured
			case kinds.Exported:
				return exported
			default:
				return imported
			}
		},
	})
}

// resultOf reads what a job gave; nil where it gave nothing.
func resultOf(j *jobs.Job) any {
	switch j.Request.Kind {
	case kinds.Standardize:
		return outputOrNil[kinds.Standardized](j)
	case kinds.Build:
		return outputOrNil[kinds.Built](j)
	case kinds.Measure:
		return outputOrNil[kinds.Measured](j)
	case kinds.Export:
		return outputOrNil[kinds.Exported](j)
	case kinds.Import:
		return outputOrNil[kinds.Imported](j)
	}
	return nil
}

func outputOrNil[T any](j *jobs.Job) any {
	if out, ok := kinds.OutputOf[T](j); ok {
		return out
	}
	return nil
}

// jobFile is a file that a job gave.
type jobFile struct {
	kinds.File
	job string
}

func (s *Service) jobFiles(t *types) *graphql.Field {
	file := graphql.NewObject(graphql.ObjectConfig{
		Name: "JobFile", Description: "A file that a job gave.",
		Fields: graphql.Fields{
			"name":   text(s, "Its name, with slashes where it lies in a folder.", func(f jobFile) string { return f.Name }),
			"sha256": {Type: graphql.String, Description: "The SHA-256 of its bytes; null for the two files that say what an export holds.", Resolve: get(s, func(f jobFile) any { return nilIfEmpty(f.SHA256) })},
			"url": text(s, "Where to download it, in ranges if wanted: a path on this service.", func(f jobFile) string {
				parts := strings.Split(f.Name, "/")
				for i := range parts {
					parts[i] = url.PathEscape(parts[i])
				}
				return "/jobs/" + url.PathEscape(f.job) + "/files/" + strings.Join(parts, "/")
			}),
		},
	})
	connection := connectionOf(s, t, "JobFile", "files of a job", file, func(f jobFile) string { return nameCursor(f.Name) })
	return &graphql.Field{
		Type: required(connection), Description: "The files that it gave, by name, of a scan that was standardised or a corpus that was exported; nothing before its end. Masks are with the structures.",
		Args: forwardArguments(),
		Resolve: on(s, func(ctx context.Context, j *jobs.Job, a args) (any, error) {
			var all []jobFile
			if own, err := s.jobs.ResultFolder(ctx, j.ID); err == nil && s.config.Places != nil {
				files, err := s.config.Places.Files(j, own)
				if err != nil && !errors.Is(err, kinds.ErrGone) {
					return nil, err
				}
				for _, f := range files {
					all = append(all, jobFile{f, j.ID})
				}
			}
			return cut(all, a, func(f jobFile) string { return f.Name })
		}),
	}
}

func (s *Service) newWorkTypes(t *types) *workTypes {
	w := &workTypes{kind: t.jobKind, format: enum("ExportFormat", "A form that a corpus is exported in.", exportFormats...)}
	w.mistake = graphql.NewObject(graphql.ObjectConfig{
		Name: "JobMistake", Description: "Something about a request for a job that its sender can mend.",
		Fields: graphql.Fields{
			"code":     text(s, "A stable code, of those in the errors' extensions.", func(m *mistaken) string { return string(m.Code) }),
			"message":  text(s, "What is wrong.", func(m *mistaken) string { return m.Message }),
			"hint":     text(s, "What to do about it; may be empty.", func(m *mistaken) string { return m.Hint }),
			"argument": {Type: graphql.String, Description: "The argument that is at fault; null where none is.", Resolve: get(s, func(m *mistaken) any { return nilIfEmpty(m.Argument) })},
		},
	})
	w.payload = graphql.NewObject(graphql.ObjectConfig{
		Name: "JobPayload", Description: "A job that was asked for: job(id:) and jobChanges(id:) tell how far it is. A mistake of who asks is in mistake where that is asked for, and else an error.",
		Fields: graphql.Fields{
			"job": {Type: t.job, Description: "The job; null where a mistake kept it from being made.", Resolve: get(s, func(o *ordered) any {
				if o.job == nil {
					return nil
				}
				return o.job
			})},
			"mistake": {Type: w.mistake, Description: "What is wrong with the request; null where nothing is.", Resolve: get(s, func(o *ordered) any {
				if o.wrong == nil {
					return nil
				}
				return o.wrong
			})},
		},
	})
	return w
}

// order makes the payload of a request for a job. What who asks can mend is a value
// where they ask for it, and else the error.
func (s *Service) order(ctx context.Context, a args, request jobs.Request, params any) (any, error) {
	text, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	request.Params, request.Owner = text, auth.Of(ctx).Subject
	request.Key, request.Priority = a.text("key"), jobs.Normal
	if p, ok := a["priority"].(jobs.Priority); ok {
		request.Priority = p
	}
	j, err := s.jobs.Submit(ctx, request)
	if err != nil {
		return s.notOrdered(ctx, err)
	}
	return &ordered{job: &j}, nil
}

// notOrdered says why a job was not made, or not tried again.
func (s *Service) notOrdered(ctx context.Context, err error) (any, error) {
	var m *mistaken
	known, ok := errors.AsType[*kinds.MistakeError](err)
	switch {
	case ok:
		m = &mistaken{Code: CodeBadInput, Message: known.Message, Hint: known.Hint, Argument: known.Argument, err: err}
	case errors.Is(err, errNoImage):
		m = &mistaken{Argument: "image"}
	case errors.Is(err, jobs.ErrKeyConflict):
		m = &mistaken{Argument: "key"}
	case errors.Is(err, jobs.ErrNotRetried), errors.Is(err, jobs.ErrFinished):
		m = &mistaken{Argument: "id"}
	default:
		m, _ = errors.AsType[*mistaken](err)
	}
	if m == nil {
		return nil, err
	}
	if m.Code == "" {
		told := describe(err)
		m.Code, m.Message, m.Hint, m.err = told.Code, told.Message, told.Hint, err
	}
	if !selects(ctx, "mistake") {
		return nil, m
	}
	return &ordered{wrong: m}, nil
}

// errNoPlaces: the service was started without folders for such work.
func errNoPlaces() error {
	return &Error{Code: CodeServiceUnavailable, Message: "the service does no such work", Hint: "ask the operator"}
}

// placed is a resolver that needs the folders of jobs.
func placed(s *Service, f func(ctx context.Context, p *kinds.Places, a args) (any, error)) graphql.FieldResolveFn {
	return on(s, func(ctx context.Context, _ any, a args) (any, error) {
		if s.config.Places == nil {
			return nil, errNoPlaces()
		}
		value, err := f(ctx, s.config.Places, a)
		if err != nil {
			return s.notOrdered(ctx, err)
		}
		return value, nil
	})
}

func optional(t graphql.Type, description string) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{Type: t, Description: description}
}

func needing(t graphql.Type, description string) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{Type: graphql.NewNonNull(t), Description: description}
}

func flagArgument(description string) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{Type: graphql.Boolean, DefaultValue: false, Description: description}
}

func namesArgument(description string) *graphql.ArgumentConfig {
	return optional(graphql.NewList(graphql.NewNonNull(graphql.String)), description)
}

// spacingOf reads a list of three numbers; SAT's spacing where there is none.
func spacingOf(a args) (spacing [3]float64, err error) {
	given := list[float64](a, "spacing")
	switch len(given) {
	case 0:
		return standard.SAT().Spacing, nil
	case 3:
		return [3]float64(given), nil
	}
	return spacing, &kinds.MistakeError{Argument: "spacing", Message: "a spacing has three numbers", Hint: "give mm along the axes, as [1, 1, 3]"}
}

func flag(a args, name string) bool {
	v, _ := a[name].(bool)
	return v
}

func (s *Service) workMutations(t *types, w *workTypes) graphql.Fields {
	shared := graphql.FieldConfigArgument{
		"key":      optional(graphql.String, "A text of your choice: the same request sent again with it, for instance after a lost answer, gives the same job; another request with it is a KEY_CONFLICT. At most 256 bytes."),
		"priority": optional(t.priority, "Among your jobs; NORMAL if left out."),
	}
	spacing := optional(graphql.NewList(graphql.NewNonNull(graphql.Float)), "mm along the axes of the result; [1, 1, 3], as SAT's, if left out.")
	raw := optional(graphql.String, "The name of the operator's folder of raw data; may be left out where there is one.")
	labels := enum("MaskResampling", "How masks are resampled.",
		value{"NEAREST", standard.Nearest, "By the nearest voxel, as SAT does."},
		value{"LINEAR", standard.Linear, "Linearly, cut at one half."})
	overlap := enum("OverlapPolicy", "What a form with one label a voxel does with structures that share voxels.",
		value{"REFUSE", export.Refuse, "Ends the export and names them."},
		value{"REGIONS", export.Regions, "Gives each combination a label of its own (NNUNET, MONAI)."},
		value{"LAYERS", export.Layers, "Puts them into files of their own (BIDS)."})
	split := enum("ExportSplit", "Which sides the scans of an export are on.",
		value{"PUBLISHED", false, "Those that were published."},
		value{"PERSONS", true, "All scans of a person, and all of one image, on the side that has most of them."})
	field := func(description string, arguments graphql.FieldConfigArgument, resolve func(ctx context.Context, p *kinds.Places, a args) (any, error)) *graphql.Field {
		maps.Copy(arguments, shared)
		return &graphql.Field{Type: required(w.payload), Description: description, Args: arguments, Resolve: placed(s, resolve)}
	}
	return graphql.Fields{
		"standardizeScan": field("Brings an uploaded scan to the form that SAT's networks are trained on: turned to RAS, resampled, cropped, clipped and scaled.", graphql.FieldConfigArgument{
			"image":       needing(graphql.ID, "The id of an uploaded scan (POST /images)."),
			"modality":    needing(t.modality, "The kind of scan: intensities are clipped by it."),
			"spacing":     spacing,
			"asPublished": flagArgument("Do as SAT's published code does also where that is a fault."),
		}, s.standardizeScan),
		"buildCorpus": field("Standardises the scans of raw datasets into a corpus. One of that name that is there is brought up to date: scans that have not changed are not built again.", graphql.FieldConfigArgument{
			"name":        needing(graphql.String, "The corpus's name: letters, digits, dots, dashes, underscores."),
			"raw":         raw,
			"datasets":    namesArgument("The datasets, by name; if left out, all that lie in the folder."),
			"layout":      optional(graphql.String, `How the files lie: "release" or "sat-ds"; if left out, the first of the record that has scans.`),
			"listed":      flagArgument("Take the scans of the service's scan list, with their sides of the split."),
			"spacing":     spacing,
			"masks":       {Type: labels, DefaultValue: standard.Nearest, Description: "How masks are resampled."},
			"asPublished": flagArgument("As SAT's published code, with its anomalies."),
			"prune":       flagArgument("Drop scans of the corpus that are not listed any more."),
		}, s.buildCorpus),
		"measureCorpus": field("Measures the scans of a built corpus, for corpus { build(name:) { gates } }.", graphql.FieldConfigArgument{
			"corpus": needing(graphql.String, "The corpus's name."),
		}, func(ctx context.Context, p *kinds.Places, a args) (any, error) {
			m := kinds.MeasureParams{Corpus: a.text("corpus")}
			size, err := p.CheckMeasure(&m)
			if err != nil {
				return nil, err
			}
			return s.order(ctx, a, jobs.Request{Kind: kinds.Measure, Size: float64(size)}, m)
		}),
		"exportCorpus": field("Writes a built corpus in the form that a trainer reads. The same corpus gives the same bytes.", graphql.FieldConfigArgument{
			"corpus":          needing(graphql.String, "The corpus's name."),
			"format":          needing(w.format, "The form."),
			"name":            optional(graphql.String, "A name under which the operator's folder of exports keeps it; if left out, it is kept with the job, and goes with it."),
			"datasets":        namesArgument("Only these datasets."),
			"splits":          namesArgument("Only scans on these sides: train, validation, test."),
			"split":           {Type: split, DefaultValue: false, Description: "The sides of the scans, where no table says them."},
			"splitText":       optional(graphql.String, "A table of the sides of scans, in CSV or with tabs, with the columns scan (DATASET/ID) and split (train, validation or test)."),
			"splitFile":       optional(graphql.String, "The path of such a table, from the folder of raw data."),
			"raw":             optional(graphql.String, "With splitFile: the name of the operator's folder of raw data; may be left out where there is one."),
			"modalities":      optional(graphql.NewList(graphql.NewNonNull(t.modality)), "Only these kinds of scan."),
			"without":         namesArgument("Leave these scans out, each as DATASET/ID."),
			"overlap":         {Type: overlap, DefaultValue: export.Refuse, Description: "What is done with structures that share voxels."},
			"merge":           optional(graphql.String, "Put all datasets into one of this name (NNUNET, MONAI)."),
			"leaveOutPartial": flagArgument("Leave out classes that not every scan has annotated, instead of refusing (NNUNET, MONAI)."),
			"strictLicence":   flagArgument("Refuse datasets that may not be passed on, or that nobody has checked, instead of warning."),
			"workers":         optional(graphql.Int, "How many scans are written at the same time; no more than the service has processors and memory for, which are taken if it is left out. The bytes don't depend on it."),
			"title":           optional(graphql.String, "A name of the corpus in the export (CROISSANT, BIDS)."),
			"description":     optional(graphql.String, "What it is (CROISSANT)."),
			"url":             optional(graphql.String, "Where it can be found (CROISSANT)."),
			"version":         optional(graphql.String, "Its version (CROISSANT)."),
			"date":            optional(graphql.String, "When it was published, as 2026-01-31 (CROISSANT)."),
			"citeAs":          optional(graphql.String, "How to cite it (CROISSANT)."),
			"prefix":          optional(graphql.String, "What goes before every path in the rows (SAT)."),
			"asIs":            flagArgument("Take scans that were not standardised for SAT as they are (SAT)."),
			"firstId":         optional(graphql.Int, "The number of the first dataset (NNUNET); 1 if left out."),
		}, s.exportCorpus),
		"importLabelsFrom": field("Reads the labels of a file or folder of raw data in: a table, a label volume or a folder of masks, which are measured, or DICOM. Labels that are in already are left alone.", graphql.FieldConfigArgument{
			"path":     needing(graphql.String, "The file or folder, from the folder of raw data, as \"MyDataset/labels.csv\"."),
			"raw":      raw,
			"dataset":  optional(graphql.String, "The dataset's name, where the file does not say."),
			"modality": optional(t.modality, "The kind of scan, where the file does not say."),
			"region":   optional(graphql.String, "What the scans show, where the file does not say."),
			"by":       optional(graphql.String, "Who reads them in, where the service asks nobody who they are; else the caller."),
		}, s.importLabelsFrom),
		"retryJob": {
			Type: required(w.payload), Description: "Queues a job again that failed, was given up or was cancelled. It keeps its id, and goes on from what is there.",
			Args: graphql.FieldConfigArgument{"id": needing(graphql.ID, "The job's id.")},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				j, err := s.job(ctx, a.text("id"))
				if err == nil {
					err = s.mayOrder(ctx, &j)
				}
				if err == nil {
					j, err = s.jobs.Retry(ctx, j.ID)
				}
				if err != nil {
					return s.notOrdered(ctx, err)
				}
				return &ordered{job: &j}, nil
			}),
		},
	}
}

// orderPermissions is what a job of a kind needs of who has it done.
var orderPermissions = map[string]auth.Permission{
	kinds.Build: auth.Curate, kinds.Measure: auth.Curate, kinds.Export: auth.Curate, kinds.Import: auth.Curate,
}

// mayOrder says whether the caller may have a job done again.
func (s *Service) mayOrder(ctx context.Context, j *jobs.Job) error {
	if p, ok := orderPermissions[j.Request.Kind]; ok {
		_, err := auth.Require(ctx, p)
		return err
	}
	return nil
}

func (s *Service) standardizeScan(ctx context.Context, _ *kinds.Places, a args) (any, error) {
	path, err := s.imagePath(ctx, a.text("image"))
	if err != nil {
		return nil, err
	}
	p := kinds.StandardizeParams{AsPublished: flag(a, "asPublished")}
	p.Modality, _ = a["modality"].(inference.Modality)
	if p.Spacing, err = spacingOf(a); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	im, err := s.images.get(a.text("image"))
	if err != nil {
		return nil, err
	}
	return s.order(ctx, a, jobs.Request{Kind: kinds.Standardize, ImageID: im.ID, ImagePath: path, ImageSHA256: im.SHA256, Size: litresOf(im)}, p)
}

// litresOf is the volume of a scan.
func litresOf(im *Image) float64 {
	v := 1e-6
	for axis := range min(3, len(im.Shape)) {
		v *= float64(im.Shape[axis]) * im.Spacing[axis]
	}
	return v
}

func (s *Service) buildCorpus(ctx context.Context, p *kinds.Places, a args) (any, error) {
	b := kinds.BuildParams{
		Name: a.text("name"), Raw: a.text("raw"), Datasets: list[string](a, "datasets"), Layout: a.text("layout"),
		Listed: flag(a, "listed"), AsPublished: flag(a, "asPublished"), Prune: flag(a, "prune"),
	}
	b.Labels, _ = a["masks"].(standard.Labels)
	var err error
	if b.Spacing, err = spacingOf(a); err != nil {
		return nil, err
	}
	if err := p.CheckBuild(&b); err != nil {
		return nil, err
	}
	return s.order(ctx, a, jobs.Request{Kind: kinds.Build}, b)
}

func (s *Service) exportCorpus(ctx context.Context, p *kinds.Places, a args) (any, error) {
	e := kinds.ExportParams{
		Corpus: a.text("corpus"), Format: a.text("format"), Name: a.text("name"), Merge: a.text("merge"), LeaveOut: flag(a, "leaveOutPartial"),
		StrictLicence: flag(a, "strictLicence"), Title: a.text("title"), Description: a.text("description"),
		URL: a.text("url"), Version: a.text("version"), Date: a.text("date"), CiteAs: a.text("citeAs"), Prefix: a.text("prefix"), AsIs: flag(a, "asIs"),
		Split:  kinds.Split{Persons: flag(a, "split"), Text: a.text("splitText"), File: a.text("splitFile"), Raw: a.text("raw")},
		Select: export.Select{Datasets: list[string](a, "datasets"), Splits: list[string](a, "splits"), Without: list[string](a, "without")},
	}
	e.Workers, _ = a["workers"].(int)
	var numbered bool
	if e.FirstID, numbered = a["firstId"].(int); numbered && e.FirstID < 1 {
		return nil, &kinds.MistakeError{Argument: "firstId", Message: "a number of a dataset is at least 1"}
	}
	for _, m := range list[inference.Modality](a, "modalities") {
		e.Select.Modalities = append(e.Select.Modalities, string(m))
	}
	if policy, _ := a["overlap"].(export.Overlap); policy != export.Refuse {
		e.Overlap = policy
	}
	size, err := p.CheckExport(&e, s.config.Formats)
	if err != nil {
		return nil, err
	}
	return s.order(ctx, a, jobs.Request{Kind: kinds.Export, Size: float64(size)}, e)
}

func (s *Service) importLabelsFrom(ctx context.Context, p *kinds.Places, a args) (any, error) {
	if _, err := s.labels(); err != nil {
		return nil, err
	}
	i := kinds.ImportParams{Raw: a.text("raw"), Path: a.text("path"), Dataset: a.text("dataset"), Region: a.text("region")}
	if m, ok := a["modality"].(inference.Modality); ok {
		i.Modality = string(m)
	}
	var err error
	if i.By, err = s.actor(ctx, a, auth.Curate); err != nil {
		return nil, err
	}
	if err := p.CheckImport(&i); err != nil {
		return nil, err
	}
	return s.order(ctx, a, jobs.Request{Kind: kinds.Import}, i)
}

// jobList is jobs(): those of the caller, or of all for who may see them.
func (s *Service) jobList(t *types) *graphql.Field {
	connection := connectionOf(s, t, "Job", "jobs", t.job, func(j *jobs.Job) string { return nameCursor(j.Place()) })
	return &graphql.Field{
		Type: required(connection), Description: "Your jobs, the latest first; an administrator's are everybody's.",
		Args: merged(forwardArguments(), graphql.FieldConfigArgument{
			"state": optional(graphql.NewList(graphql.NewNonNull(t.jobStatus)), "Only jobs that stand so."),
			"kind":  optional(graphql.NewList(graphql.NewNonNull(t.jobKind)), "Only jobs of these kinds."),
			"mine":  flagArgument("Only one's own, for an administrator, too."),
		}),
		Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
			first, err := firstOf(a)
			if err != nil {
				return nil, err
			}
			after, err := nameOfCursor(a.text("after"))
			if err != nil {
				return nil, err
			}
			caller := auth.Of(ctx)
			f := jobs.Filter{States: list[jobs.State](a, "state"), Kinds: list[string](a, "kind")}
			if !caller.May(auth.Administer) || flag(a, "mine") {
				f.Owners = []string{}
				if caller.Owns(caller.Subject) {
					f.Owners = []string{caller.Subject}
				}
			}
			if err := spend(ctx, storeCost); err != nil {
				return nil, err
			}
			page, err := s.jobs.List(ctx, f, after, first)
			if err != nil {
				return nil, err
			}
			return &listing[*jobs.Job]{total: page.Total, more: page.More, nodes: pointers(slices.Clone(page.Jobs)), after: after != ""}, nil
		}),
	}
}
