package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// The MetaImage format (MetaIO, as ITK reads it): a header of "Key = Value"
// lines, then the voxels, or the name of the file that holds them. The world is
// LPS.

var metaTypes = map[string]DType{
	"MET_CHAR": Int8, "MET_UCHAR": Uint8, "MET_SHORT": Int16, "MET_USHORT": Uint16, "MET_INT": Int32, "MET_UINT": Uint32,
	"MET_LONG_LONG": Int64, "MET_ULONG_LONG": Uint64, "MET_FLOAT": Float32, "MET_DOUBLE": Float64,
	// On most systems MetaIO takes a long to have four bytes in files.
	"MET_LONG": Int32, "MET_ULONG": Uint32,
}

var metaModalities = map[string]string{"MET_MOD_CT": "ct", "MET_MOD_MR": "mri"}

func openMeta(path string, o ReadOptions) (*raster, error) {
	b, err := textHeader(path, o)
	if err != nil {
		return nil, err
	}
	fields, end, err := metaFields(b)
	if err != nil {
		return nil, err
	}
	r := &raster{
		format: MetaImage, order: binary.LittleEndian, path: path, offset: int64(end),
		modality: metaModalities[fields["Modality"]],
	}
	var ok bool
	if r.dtype, ok = metaTypes[strings.ToUpper(fields["ElementType"])]; !ok {
		return nil, fmt.Errorf("%w: voxels are %q", ErrUnsupported, fields["ElementType"])
	}
	if n := field(fields, "ElementNumberOfChannels"); n != "" && n != "1" {
		return nil, fmt.Errorf("%w: %s channels", ErrUnsupported, n)
	}
	if t := fields["ObjectType"]; t != "" && t != "Image" {
		return nil, fmt.Errorf("%w: a MetaIO %s", ErrUnsupported, t)
	}
	if fields["BinaryData"] == "False" {
		return nil, fmt.Errorf("%w: voxels as text", ErrUnsupported)
	}
	if yes(field(fields, "BinaryDataByteOrderMSB", "ElementByteOrderMSB")) {
		r.order = binary.BigEndian
	}
	if yes(fields["CompressedData"]) {
		r.packed = "zlib"
	}
	if err := r.metaGeometry(fields); err != nil {
		return nil, err
	}
	return r, r.metaData(fields)
}

func yes(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

// metaFields splits the header; ElementDataFile is its last line.
func metaFields(b []byte) (fields map[string]string, end int, err error) {
	fields = map[string]string{}
	for end < len(b) {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 0 {
			n = len(b) - end
		}
		line := string(b[end : end+n])
		end = min(end+n+1, len(b))
		key, value, found := strings.Cut(line, "=")
		if !found {
			if strings.TrimSpace(line) == "" {
				continue
			}
			break
		}
		key = strings.TrimSpace(key)
		fields[key] = strings.TrimSpace(value)
		if key == "ElementDataFile" {
			return fields, end, nil
		}
	}
	return nil, 0, fmt.Errorf("%w: a MetaImage header without ElementDataFile", ErrBadHeader)
}

// numbers reads n numbers of a field; def where it is absent.
func numbers(fields map[string]string, n int, def []float64, names ...string) ([]float64, error) {
	s := field(fields, names...)
	if s == "" {
		return def, nil
	}
	var out []float64
	for f := range strings.FieldsSeq(s) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || !finite(v) {
			return nil, fmt.Errorf("%w: %s is %q", ErrBadHeader, names[0], s)
		}
		out = append(out, v)
	}
	if len(out) != n {
		return nil, fmt.Errorf("%w: %s has %d values, not %d", ErrBadHeader, names[0], len(out), n)
	}
	return out, nil
}

func (r *raster) metaGeometry(fields map[string]string) error {
	dims, err := integers(fields["DimSize"])
	if err != nil || fields["NDims"] != strconv.Itoa(len(dims)) {
		return fmt.Errorf("%w: NDims %q, DimSize %q", ErrBadHeader, fields["NDims"], fields["DimSize"])
	}
	n := len(dims)
	if r.grid.Shape, err = shape3(dims); err != nil {
		return err
	}
	ones, identity := make([]float64, n), make([]float64, n*n)
	for i := range ones {
		ones[i], identity[i*n+i] = 1, 1
	}
	spacing, err := numbers(fields, n, nil, "ElementSpacing", "ElementSize")
	if err != nil {
		return err
	}
	if spacing == nil {
		spacing = ones
		r.warn("no ElementSpacing; 1 mm is taken")
	}
	origin, err := numbers(fields, n, make([]float64, n), "Offset", "Position", "Origin")
	if err != nil {
		return err
	}
	if field(fields, "TransformMatrix", "Orientation", "Rotation") == "" {
		r.warn("no TransformMatrix; the axes are taken to run to the left, the back and the head")
	}
	direction, err := numbers(fields, n*n, identity, "TransformMatrix", "Orientation", "Rotation")
	if err != nil {
		return err
	}
	r.grid.Affine = Identity()
	for w := range 3 {
		sign := 1.0
		if w < 2 {
			sign = -1 // LPS to RAS
		}
		for a := range 3 { // each axis' direction is a row of the matrix
			r.grid.Affine[w][a] = sign*direction[a*n+w]*spacing[a] + 0 // no negative zeros
		}
		r.grid.Affine[w][3] = sign*origin[w] + 0
	}
	return r.grid.Affine.check()
}

func (r *raster) metaData(fields map[string]string) error {
	switch name := fields["ElementDataFile"]; {
	case strings.EqualFold(name, "LOCAL"):
	case strings.HasPrefix(name, "LIST") || strings.Contains(name, "%"):
		return fmt.Errorf("%w: voxels in several files", ErrUnsupported)
	default:
		path, err := detached(r.path, name)
		if err != nil {
			return err
		}
		r.path, r.detached, r.offset = path, true, 0
	}
	skip := fields["HeaderSize"]
	if skip == "" || skip == "0" {
		return nil
	}
	n, err := strconv.ParseInt(skip, 10, 64)
	if err != nil || n < -1 || n > 1<<40 || n == -1 && r.packed != "" {
		return fmt.Errorf("%w: HeaderSize %q", ErrBadHeader, skip)
	}
	if n == -1 {
		r.offset = -1
	} else {
		r.offset += n
	}
	return nil
}
