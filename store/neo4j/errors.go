package neo4j

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"satgraph/graph"
)

// ErrCredentials means that the server does not know the user or the password.
var ErrCredentials = errors.New("the server refused the credentials; set NEO4J_USERNAME and NEO4J_PASSWORD")

// errSilent is why a call was given up.
var errSilent = errors.New("the server was silent for too long")

// named turns what the driver says into the errors of package graph. ctx is
// the one that the call ran under, which watch made.
func named(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errSilent) {
			return fmt.Errorf("%w: %w", graph.ErrUnavailable, cause)
		}
		if ctxErr := ctx.Err(); !errors.Is(err, ctxErr) {
			return fmt.Errorf("%w: %w", ctxErr, err)
		}
		return err
	}
	if limit, ok := errors.AsType[*neo4j.TransactionExecutionLimit](err); ok && len(limit.Errors) > 0 {
		err = limit.Errors[len(limit.Errors)-1] // what came each time
	}
	if e, ok := errors.AsType[*neo4j.Neo4jError](err); ok {
		return namedServerError(e)
	}
	if _, ok := errors.AsType[*neo4j.ConnectivityError](err); ok {
		return fmt.Errorf("%w: %w", graph.ErrUnavailable, err)
	}
	return err
}

func namedServerError(e *neo4j.Neo4jError) error {
	switch {
	case strings.HasPrefix(e.Code, "Neo.ClientError.Security."):
		return fmt.Errorf("%w: %w", ErrCredentials, e)
	case strings.Contains(e.Code, "OutOfMemory"):
		return fmt.Errorf("%w: the server has too little memory for a change of this size: raise its heap (server.memory.heap.max_size): %w", graph.ErrUnavailable, e)
	case strings.HasPrefix(e.Code, "Neo.TransientError."), e.Code == "Neo.ClientError.Database.DatabaseNotFound":
		return fmt.Errorf("%w: %w", graph.ErrUnavailable, e)
	case e.Code == "Neo.ClientError.Schema.ConstraintValidationFailed" && strings.Contains(e.Msg, "still has relationships"):
		return fmt.Errorf("%w: a term is removed that other nodes of the database point to: %w", graph.ErrInvalidChange, e)
	default:
		return e
	}
}
