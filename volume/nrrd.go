package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The NRRD format, versions 1 to 5, by its definition (Teem's "nrrd/format"):
// one 3-D volume of scalars, raw or gzipped, in the header's file or in one other.

// nrrdTypes are the names of voxel types.
//
//nolint:dupword // "long long" is one
var nrrdTypes = map[string]DType{
	"signed char": Int8, "int8": Int8, "int8_t": Int8,
	"uchar": Uint8, "unsigned char": Uint8, "uint8": Uint8, "uint8_t": Uint8,
	"short": Int16, "short int": Int16, "signed short": Int16, "signed short int": Int16, "int16": Int16, "int16_t": Int16,
	"ushort": Uint16, "unsigned short": Uint16, "unsigned short int": Uint16, "uint16": Uint16, "uint16_t": Uint16,
	"int": Int32, "signed int": Int32, "int32": Int32, "int32_t": Int32,
	"uint": Uint32, "unsigned int": Uint32, "uint32": Uint32, "uint32_t": Uint32,
	"longlong": Int64, "long long": Int64, "long long int": Int64, "signed long long": Int64, "signed long long int": Int64,
	"int64": Int64, "int64_t": Int64,
	"ulonglong": Uint64, "unsigned long long": Uint64, "unsigned long long int": Uint64, "uint64": Uint64, "uint64_t": Uint64,
	"float": Float32, "double": Float64,
}

// nrrdSpaces say how the axes of the named spaces run against R, A and S.
var nrrdSpaces = map[string][3]float64{
	"right-anterior-superior": {1, 1, 1}, "ras": {1, 1, 1},
	"left-anterior-superior": {-1, 1, 1}, "las": {-1, 1, 1},
	"left-posterior-superior": {-1, -1, 1}, "lps": {-1, -1, 1},
}

func openNRRD(path string, o ReadOptions) (*raster, error) {
	b, err := textHeader(path, o)
	if err != nil {
		return nil, err
	}
	fields, end, err := nrrdFields(b)
	if err != nil {
		return nil, err
	}
	r := &raster{format: NRRD, order: binary.LittleEndian, path: path, offset: int64(end)}
	sizes, err := integers(fields["sizes"])
	if err != nil {
		return nil, fmt.Errorf("%w: sizes %q", ErrBadHeader, fields["sizes"])
	}
	if fields["dimension"] != strconv.Itoa(len(sizes)) {
		return nil, fmt.Errorf("%w: dimension %q, sizes %q", ErrBadHeader, fields["dimension"], fields["sizes"])
	}
	var ok bool
	if r.dtype, ok = nrrdTypes[strings.ToLower(fields["type"])]; !ok {
		return nil, fmt.Errorf("%w: voxels are %q", ErrUnsupported, fields["type"])
	}
	switch e := strings.ToLower(fields["endian"]); {
	case e == "big":
		r.order = binary.BigEndian
	case e != "little" && r.dtype.Size() > 1:
		return nil, fmt.Errorf("%w: endian %q", ErrBadHeader, e)
	}
	if err := r.nrrdGeometry(fields, sizes); err != nil {
		return nil, err
	}
	return r, r.nrrdData(fields, end)
}

// nrrdFields splits the header, up to the empty line that ends it; end is where
// the voxels start.
func nrrdFields(b []byte) (fields map[string]string, end int, err error) {
	fields = map[string]string{}
	first := true
	for {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 0 {
			if len(b) < maxTextHeader && !first { // a detached header may just end
				n = len(b) - end
			} else {
				return nil, 0, fmt.Errorf("%w: the NRRD header has no end", ErrBadHeader)
			}
		}
		line := strings.TrimRight(string(b[end:end+n]), "\r")
		end = min(end+n+1, len(b))
		switch {
		case first:
			first = false
		case line == "" || end == len(b) && line == "":
			return fields, end, nil
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, ":=") && !strings.Contains(strings.SplitN(line, ":=", 2)[0], ": "):
			key, value, _ := strings.Cut(line, ":=")
			fields[":"+key] = value
		default:
			key, value, found := strings.Cut(line, ":")
			if !found {
				return nil, 0, fmt.Errorf("%w: %.40q in a NRRD header", ErrBadHeader, line)
			}
			fields[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
		if end == len(b) {
			return fields, end, nil
		}
	}
}

// field returns the first of a field's spellings that is there.
func field(fields map[string]string, names ...string) string {
	for _, n := range names {
		if v, ok := fields[n]; ok {
			return v
		}
	}
	return ""
}

// nrrdGeometry reads shape and affine. Axes without a direction must be of
// length 1.
func (r *raster) nrrdGeometry(fields map[string]string, sizes []int) error {
	sign, ok := nrrdSpaces[strings.ToLower(fields["space"])]
	if !ok {
		return fmt.Errorf("%w: a NRRD file in space %q does not tell left from right", ErrBadAffine, fields["space"])
	}
	directions := vectors(fields["space directions"])
	if len(directions) != len(sizes) {
		return fmt.Errorf("%w: space directions %q for %d axes", ErrBadAffine, fields["space directions"], len(sizes))
	}
	var lengths []int
	axis := 0
	r.grid.Affine = Identity()
	for i, d := range directions {
		if strings.EqualFold(d, "none") {
			if sizes[i] != 1 {
				return fmt.Errorf("%w: axis %d of length %d has no direction", ErrNotVolume, i+1, sizes[i])
			}
			continue
		}
		v, err := vector3(d)
		if err != nil || axis == 3 {
			return fmt.Errorf("%w: space directions %q", ErrBadAffine, fields["space directions"])
		}
		for w := range 3 {
			r.grid.Affine[w][axis] = sign[w]*v[w] + 0 // no negative zeros
		}
		lengths = append(lengths, sizes[i])
		axis++
	}
	origin, err := vector3(fields["space origin"])
	if err != nil {
		return fmt.Errorf("%w: space origin %q", ErrBadAffine, fields["space origin"])
	}
	for w := range 3 {
		r.grid.Affine[w][3] = sign[w]*origin[w] + 0
	}
	if r.grid.Shape, err = shape3(lengths); err != nil {
		return err
	}
	return r.grid.Affine.check()
}

// nrrdData finds the voxels.
func (r *raster) nrrdData(fields map[string]string, end int) error {
	switch e := strings.ToLower(fields["encoding"]); e {
	case "raw":
	case "gzip", "gz":
		r.packed = "gzip"
	default:
		return fmt.Errorf("%w: NRRD encoding %q; only raw and gzip are read", ErrUnsupported, e)
	}
	if name := field(fields, "data file", "datafile"); name != "" {
		path, err := detached(r.path, strings.TrimPrefix(name, "./"))
		if err != nil {
			return err
		}
		r.path, r.detached, end = path, true, 0
	}
	if skip := field(fields, "line skip", "lineskip"); skip != "" && skip != "0" {
		return fmt.Errorf("%w: NRRD line skip %s", ErrUnsupported, skip)
	}
	r.offset = int64(end)
	skip := field(fields, "byte skip", "byteskip")
	if skip == "" {
		return nil
	}
	n, err := strconv.ParseInt(skip, 10, 64)
	switch {
	case err != nil || n < -1 || n > math.MaxInt64/2 || n > 0 && r.packed != "":
		return fmt.Errorf("%w: NRRD byte skip %q", ErrUnsupported, skip)
	case n == -1 && r.packed == "":
		r.offset = -1
	case n > 0:
		r.offset += n
	}
	return nil
}

// vectors splits a list of "(x,y,z)" and "none".
func vectors(s string) (out []string) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		n := strings.IndexByte(s, ')') + 1
		if s[0] != '(' || n == 0 {
			n = strings.IndexByte(s+" ", ' ')
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// vector3 reads "(x,y,z)".
func vector3(s string) (v [3]float64, err error) {
	s, opened := strings.CutPrefix(strings.TrimSpace(s), "(")
	s, closed := strings.CutSuffix(s, ")")
	parts := strings.Split(s, ",")
	if !opened || !closed || len(parts) != 3 {
		return v, strconv.ErrSyntax
	}
	for i, p := range parts {
		if v[i], err = strconv.ParseFloat(strings.TrimSpace(p), 64); err != nil || !finite(v[i]) {
			return v, strconv.ErrSyntax
		}
	}
	return v, nil
}

// integers reads numbers apart by blanks.
func integers(s string) (out []int, err error) {
	for f := range strings.FieldsSeq(s) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return slices.Clip(out), nil
}
