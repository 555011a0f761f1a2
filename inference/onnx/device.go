package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"
)

// Devices of Options.
const (
	Auto = "auto"
	CPU  = "cpu"
	CUDA = "cuda"
)

// ErrDevice says that a model cannot run where it was asked to.
var ErrDevice = errors.New("the device cannot be used")

// addDevice has sessions run on a device.
//
// ONNX Runtime loads its CUDA part (libonnxruntime_providers_cuda.so, which
// lies beside its library in the onnxruntime-gpu packages, and needs CUDA 12
// and cuDNN 9) into the process. That part may replace signal handlers that Go
// has set; os/signal goes on working where it sets SA_ONSTACK, and a crash
// report may be lost where it does not.
func addDevice(s *ort.SessionOptions, library Library, device string) error {
	switch device {
	case CPU:
		return nil
	case "", Auto:
		if !hasCUDA(library) {
			return nil
		}
		_ = addCUDA(s) // a machine without the GPU: the processor does it
		return nil
	case CUDA:
		if !hasCUDA(library) {
			return fmt.Errorf("%w: the ONNX Runtime at %s has no libonnxruntime_providers_cuda.so beside it; set %s to that of an onnxruntime-gpu package, or run on the cpu",
				ErrDevice, library.Path, LibraryEnv)
		}
		if err := addCUDA(s); err != nil {
			return fmt.Errorf("%w: CUDA does not start: %s; check the driver, CUDA 12 and cuDNN 9, or run on the cpu", ErrDevice, oneLine(err))
		}
		return nil
	default:
		return fmt.Errorf("%w: %q is none of auto, cpu and cuda", ErrDevice, device)
	}
}

// Detect says where a model that is asked to run on a device would: CPU or CUDA.
// Errors: ErrDevice, and those of [Start].
func Detect(device string) (string, error) {
	library, err := Start()
	if err != nil {
		return "", err
	}
	s, err := ort.NewSessionOptions()
	if err != nil {
		return "", fmt.Errorf("session options: %w", err)
	}
	defer s.Destroy() //nolint:errcheck // freeing only
	switch {
	case device != "" && device != Auto:
		return device, addDevice(s, library, device)
	case hasCUDA(library) && addCUDA(s) == nil:
		return CUDA, nil
	default:
		return CPU, nil
	}
}

func hasCUDA(library Library) bool {
	path, err := filepath.EvalSymlinks(library.Path)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(filepath.Dir(path), "libonnxruntime_providers_cuda.so"))
	return err == nil
}

func addCUDA(s *ort.SessionOptions) error {
	o, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer o.Destroy() //nolint:errcheck // freeing only
	// What one window leaves must not pile up beside the next.
	if err := o.Update(map[string]string{"arena_extend_strategy": "kSameAsRequested"}); err != nil {
		return err
	}
	return s.AppendExecutionProviderCUDA(o)
}
