package api

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// Answers from leastCompressed bytes on are compressed for clients that take it:
// with Zstandard, or else gzip, at their fastest, since a query is answered in
// less time than a better ratio takes.
const (
	leastCompressed = 1024
	compressLevel   = 1
)

// compressedTag stands in the ETag of a compressed answer, which is another
// representation of the same, before the name of the coding.
const compressedTag = "-z"

// compressing compresses the answers of a handler. WebSockets and ranges pass
// through as they are.
func compressing() (func(http.HandlerFunc) http.HandlerFunc, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(leastCompressed), gzhttp.CompressionLevel(compressLevel),
		gzhttp.EnableZstd(true), gzhttp.PreferZstd(true), gzhttp.ZstdCompressionLevel(compressLevel),
		gzhttp.SuffixETag(compressedTag),
	)
	if err != nil {
		return nil, err
	}
	return func(next http.HandlerFunc) http.HandlerFunc {
		compressed := wrap(next)
		return func(w http.ResponseWriter, r *http.Request) {
			if isUpgrade(r) {
				next(w, r)
				return
			}
			compressed(w, r)
		}
	}, nil
}
