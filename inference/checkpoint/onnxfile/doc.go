// Package onnxfile writes ONNX models: a graph of nodes and weights, encoded in
// protocol buffers by hand (a dozen message fields), the weights streamed one
// at a time, beside the model where they are too many for one file.
//
// It checks no graph and reads no model. The same calls give the same bytes.
// Start from [Graph].
package onnxfile
