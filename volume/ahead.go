package volume

import "io"

// Compressed bytes are read ahead in a few blocks of this size, so that the
// decompressor, which is the slowest part of reading, never waits for them.
const (
	aheadBytes  = 256 << 10
	aheadBlocks = 4
)

// ahead reads from another reader in a goroutine of its own.
type ahead struct {
	full chan aheadBlock
	free chan []byte
	stop chan struct{}
	b    []byte // what is left of the block at hand
	own  []byte // that block
	err  error
}

type aheadBlock struct {
	b   []byte
	err error
}

// readAhead starts reading from r, which is its own until close.
func readAhead(r io.Reader) *ahead {
	a := &ahead{
		full: make(chan aheadBlock, aheadBlocks),
		free: make(chan []byte, aheadBlocks),
		stop: make(chan struct{}),
	}
	for range aheadBlocks {
		a.free <- make([]byte, aheadBytes)
	}
	go func() {
		for {
			var b []byte
			select {
			case b = <-a.free:
			case <-a.stop:
				return
			}
			n, err := r.Read(b)
			a.full <- aheadBlock{b[:n], err} // never blocks: there are as many places as blocks
			if err != nil {
				return
			}
		}
	}()
	return a
}

// Read gives what was read ahead; the error of the other reader comes after
// its last bytes.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.b) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.own != nil {
			a.free <- a.own[:cap(a.own)]
		}
		block := <-a.full
		a.b, a.own, a.err = block.b, block.b, block.err
	}
	n := copy(p, a.b)
	a.b = a.b[n:]
	return n, nil
}

// close ends the goroutine, once it has returned from the read at hand.
func (a *ahead) close() { close(a.stop) }
