// Package onnx runs model bundles on ONNX Runtime. It is the only place of the
// program that uses cgo; the runtime's library is loaded while the program
// runs, so a program that never opens a model needs none.
//
// A bundle is a folder (or an fs.FS, such as the embedded demo) with
//
//	manifest.json   what the model is, and the sha256 of every other file
//	backbone.onnx   image (1,C,H,W,D) -> features (1,F,H,W,D), memory (1,T,E)
//	                and, if the positions are added there, key (1,T,E)
//	decoder.onnx    features, memory, key, queries (1,N,E) -> logits (1,N,H,W,D)
//	text.onnx       input_ids (B,L), attention_mask (B,L), modality (B), all
//	                int64 -> embeddings (B,E)
//	vocab.txt       WordPiece pieces, one a line
//
// (C is 1 or 3; E the embedding width). Nothing of a bundle is run before its
// checksums are right. The package knows no segmentation: windows, thresholds
// and grids are package inference's.
//
// Start from [Open].
package onnx
