package client

//go:generate go tool genqlient genqlient.yaml
//go:generate sh -c "go run ./internal/python ../api/schema.graphql operations.graphql > python/satgraph_operations.py"
