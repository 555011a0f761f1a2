package objects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"gocloud.dev/gcerrors"
)

// signs of missing credentials in the words of the stores' libraries, which have
// no errors of their own for it.
var signs = []string{
	"could not find default credentials", "failed to retrieve credentials", "failed to refresh cached credentials",
	"get credentials", "get identity", "DefaultAzureCredential", "AccountName is required",
	"StatusCode: 401", "StatusCode: 403", "no EC2 IMDS role found",
}

// fault turns an error of the stores' libraries into this package's.
func fault(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	is := ErrStore
	switch code := gcerrors.Code(err); {
	case code == gcerrors.NotFound, errors.Is(err, syscall.ENOTDIR):
		return &Error{name, fmt.Errorf("%w (%w)", fs.ErrNotExist, err)}
	case code == gcerrors.PermissionDenied:
		is = ErrCredentials
	case code == gcerrors.FailedPrecondition:
		is = ErrChanged
	case code == gcerrors.InvalidArgument:
		is = ErrURL
	default:
		for _, sign := range signs {
			if strings.Contains(err.Error(), sign) {
				is = ErrCredentials
			}
		}
	}
	return &Error{name, fmt.Errorf("%w: %w", is, err)}
}
