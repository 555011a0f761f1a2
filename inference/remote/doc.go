// Package remote runs a bundle's networks on inference servers that speak the
// open inference protocol (KServe v2) over HTTP or gRPC, such as NVIDIA Triton.
// The bundle's manifest and vocabulary stay here: prompts are cut into tokens
// and windows out of scans on this side, and only tensors travel, as raw bytes.
//
// A server has three models, PREFIX_backbone, PREFIX_decoder and PREFIX_text,
// with the tensors that package onnx documents; WriteRepository lays them out
// for Triton. Several endpoints are several servers of the same models: each
// call goes to the one that answered last, and to the next one when it fails.
// Every call is a pure function of its tensors, so it can be repeated.
//
// The package never trusts a server: replies are bounded in size before they
// are read, and their names, types and shapes are checked.
//
// Start from [Open].
package remote
