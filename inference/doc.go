// Package inference answers a question with masks: it resolves a query into a
// plan of class prompts (Resolver), prepares a scan the way SAT does, runs a
// model over it in half-overlapping windows, and puts every structure back on
// the scan's own grid (Run).
//
// It never draws what it did not find: a structure is segmented, or a status
// and a reason say why not. It knows no model format and no file format:
// models are behind the Model interface (package inference/onnx implements
// it), images come as volume.Image and masks leave through Options.Sink.
//
// Start from Resolver for questions and from Run for scans.
//
// The preprocessing, windows and stitching follow "Segment Anything with Text"
// (SAT, arXiv 2312.17183) and its published code's behaviour; where this
// package deliberately differs, the function's comment says so.
package inference
