// Package volume holds 3-D scans: their voxels, where these lie in the patient,
// and the files they come from (NIfTI, DICOM series, NRRD, MetaImage) and go to
// (NIfTI masks and label maps, DICOM segmentations).
//
// The types to start from are [Image] (intensities, which may be interpolated),
// [LabelMap] (labels, which never are) and [Mask] (one structure), each on a
// [Grid]: a shape and an [Affine] from voxel indices to RAS+ millimetres. Voxels
// are kept as in the file, the first axis fastest. [ReadInfo] reads headers
// alone, [ReadImage], [ReadLabelMap] and [ReadAny] voxels; a format is told by a
// file's content. [WriteMask] puts a mask on the very grid of its scan, header
// geometry byte for byte; [Layers] packs structures into label maps, [SEG] into a
// DICOM segmentation. [ReorientRAS] and [Mask.Restore] go to RAS axes and back
// without changing a bit.
//
// The package never guesses a geometry, never interpolates labels, never clips
// or wraps a value it writes, and leaves no partial file behind. Of NIfTI it reads NIfTI-1
// and NIfTI-2, as .nii or .hdr/.img, gzipped or not, of either byte order, of 1
// to 7 axes and every real voxel type; colour, complex, 128-bit and one-bit
// voxels are refused by name. Affines follow nibabel: sform, else qform, else
// pixdim.
//
// # DICOM
//
// A series is a folder, or one multi-frame file. Slices are put in order by their
// position along the normal of the image plane; shape, orientation, spacing and
// frame of reference must agree, and positions must lie evenly on a line. A
// missing, doubled or stray slice is an [ErrSeries] that names it, several series
// a [*SeriesError] that lists them. Slices that a tilted gantry shifted give a
// sheared affine, since nothing is resampled here. Values are rescaled slice by
// slice; MONOCHROME1 does not invert them, since it only says how they are shown.
//
// Data sets are read by internal/dcm; JPEG 2000 by internal/j2k; lossless and
// 12-bit JPEG and JPEG-LS by internal/jpegx. They hold no more than slices need,
// and are compared with pydicom, OpenJPEG, DCMTK, highdicom and dcmqi in tests.
//
// # The guard around gonii
//
// Headers are decoded by github.com/okieraised/gonii, and made of its structs
// when written, behind a guard (guard.go), since gonii trusts its input. Before
// gonii sees a byte, the guard has read at most 540 of them, settled version,
// byte order, magic and number of axes, and emptied the copy that it passes on
// of voxels, so that gonii allocates nothing; a panic becomes an error; and what
// gonii decoded must encode to the same bytes again. Axes, their product,
// offset, data type and affine are then checked here.
//
// All else that gonii offers is done by this package itself, because gonii v0.9.0
// panics on short files and impossible axes, misreads float64, uint64 and int8,
// miswrites int32, uint32 and float64, scales by a slope of NaN, computes wrong
// qforms and ignores them where there is no sform, drops the 6th and 7th axis,
// decompresses whatever it is given into memory, writes big-endian voxels under
// a little-endian header, and truncates a file before it writes it. A test in
// gonii_test.go is named after each.
//
// # Hostile files
//
// Memory is allocated only for voxels that the file can hold (a compressed file
// no more than 1032 times its size) and up to [ReadOptions].MaxBytes. Compressed
// data are decompressed as they are needed, to the last voxel and the checksum
// behind it. Every error is a [*FileError] of one line around one of the Err
// values.
package volume
