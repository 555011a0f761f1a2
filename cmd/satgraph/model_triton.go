package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/inference/onnx"
	"satgraph/inference/remote"
)

func (a *app) modelTritonCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "triton [DIR] -o REPOSITORY",
		Short: "Lay a bundle out as a Triton model repository (default: the built-in demo model)",
		Long: `Lay a bundle's three networks out as a model repository for NVIDIA Triton with
its ONNX Runtime backend:

  tritonserver --model-repository REPOSITORY

Then name the server beside the bundle, which stays here for its manifest and
vocabulary: satgraph segment … --model DIR --remote grpc://HOST:8001`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			if out == "" {
				return usageError{errors.New("give the repository's folder with -o")}
			}
			bundle, _, err := openBundle(given)
			if err != nil {
				return err
			}
			man, err := onnx.Verify(bundle)
			if err != nil {
				return err
			}
			var networks []remote.Network
			for _, file := range []string{onnx.BackboneFile, onnx.DecoderFile, onnx.TextFile} {
				net, err := onnx.Describe(bundle, man, file)
				if err != nil {
					return err
				}
				integer := file == onnx.TextFile
				networks = append(networks, remote.Network{
					Part: strings.TrimSuffix(file, ".onnx"), File: file, Beside: net.Beside,
					Inputs: tritonTensors(net.Inputs, integer), Outputs: tritonTensors(net.Outputs, false),
				})
			}
			if err := remote.WriteRepository(bundle, man, networks, out); err != nil {
				return err
			}
			a.printf("%s: %s_backbone, _decoder and _text; run: tritonserver --model-repository %s\n", out, remote.Prefix(man), out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the repository's folder; it is made if it is not there")
	return cmd
}

// tritonTensors gives tensors their type: only the text encoder takes integers.
func tritonTensors(list []onnx.Tensor, integer bool) []remote.Tensor {
	out := make([]remote.Tensor, len(list))
	for i, t := range list {
		out[i] = remote.Tensor{Name: t.Name, Type: "FP32", Shape: t.Shape}
		if integer {
			out[i].Type = "INT64"
		}
	}
	return out
}

// remoteHelp describes the flag --remote.
const remoteHelp = "inference server that has the bundle's networks, http(s)://HOST:PORT or grpc(s)://HOST:PORT; " +
	"may be given several times: the next one is asked when one fails"
