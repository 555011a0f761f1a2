// Command gqlgenpeer serves the built-in tree by gqlgen, the peer of bench/service.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"satgraph/graph/builtin"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"gqlgenpeer/peer"
)

func main() {
	snapshot, err := builtin.Snapshot()
	if err != nil {
		log.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		log.Fatal(err)
	}
	server := handler.New(peer.NewExecutableSchema(peer.Config{Resolvers: peer.New(tree)}))
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serves http://%s/graphql\n", l.Addr())
	log.Fatal(http.Serve(l, server))
}
