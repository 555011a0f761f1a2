//go:build linux || darwin

package onnx

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

// The head of OrtApiBase, which has not changed since ONNX Runtime 1.0.
typedef struct {
	const void *(*GetApi)(uint32_t version);
	const char *(*GetVersionString)(void);
} satgraph_ort_api_base;

// satgraph_ort_version loads a library and returns the version that it gives
// itself; NULL when it cannot be loaded or is no ONNX Runtime. The library
// stays loaded, since one that is new enough is used next, and ONNX Runtime's
// threads do not survive unloading.
static const char *satgraph_ort_version(const char *path) {
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (library == NULL) {
		return NULL;
	}
	const satgraph_ort_api_base *(*base)(void) =
		(const satgraph_ort_api_base *(*)(void))dlsym(library, "OrtGetApiBase");
	if (base == NULL || base() == NULL) {
		return NULL;
	}
	return base()->GetVersionString();
}

// satgraph_return_memory has large blocks of memory given back to the system as
// soon as they are freed. Left alone, glibc keeps blocks of up to 32 MiB for
// later, in a heap for each thread, and a run then takes hundreds of megabytes
// that nothing uses.
static void satgraph_return_memory(void) {
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 1 << 18);
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

static const char *satgraph_dlerror(void) {
	const char *message = dlerror();
	return message == NULL ? "it is not an ONNX Runtime library" : message;
}
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// probe asks a library for its version.
func probe(path string) (string, error) {
	// dlerror is the thread's own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	version := C.satgraph_ort_version(name)
	if version == nil {
		return "", errors.New(C.GoString(C.satgraph_dlerror()))
	}
	return C.GoString(version), nil
}

// returnMemory tunes the C library's allocator.
func returnMemory() { C.satgraph_return_memory() }
