package client

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// retrying sends requests, with the token, and sends again what the service
// refused before doing anything: the connection was not made, or the status says
// so. A request that may have been carried out is not sent twice.
type retrying struct{ c *Client }

func (r retrying) Do(request *http.Request) (*http.Response, error) {
	if r.c.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.c.options.Token)
	}
	for try := 0; ; try++ {
		answer, err := r.c.http.Do(request) //nolint:gosec // the service that the caller named
		wait, again := refused(answer, err, try)
		if !again || try >= r.c.options.Retries || request.Body != nil && request.GetBody == nil {
			return answer, err
		}
		if answer != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
			_ = answer.Body.Close()
		}
		if request.GetBody != nil {
			if request.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
		if err := sleep(request.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// refused says whether a request was surely not carried out, and how long to wait
// before the next.
func refused(answer *http.Response, err error, try int) (wait time.Duration, again bool) {
	wait = time.Duration(100<<min(try, 6)) * time.Millisecond
	wait += rand.N(wait / 2) //nolint:gosec // so that clients do not come all at once
	if err != nil {
		var dial *net.OpError
		return wait, errors.As(err, &dial) && dial.Op == "dial"
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds >= 0 && seconds <= 60 {
			wait = max(wait, time.Duration(seconds)*time.Second)
		}
		return wait, true
	}
	return 0, false
}
