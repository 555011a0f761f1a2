// The peer of bench/service has a module of its own, so that the program's does not
// gain gqlgen.
module gqlgenpeer

go 1.26.7

require (
	github.com/99designs/gqlgen v0.17.98
	github.com/vektah/gqlparser/v2 v2.5.64
	satgraph v0.0.0
)

tool github.com/99designs/gqlgen

replace satgraph => ../../..
