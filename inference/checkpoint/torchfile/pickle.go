package torchfile

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Limits of a pickle. SAT-Pro's, with the optimizer's state, has 0.3 MB and
// 20,000 operations.
const (
	maxPickleBytes = 32 << 20
	maxValues      = 4 << 20
	maxTextBytes   = 1 << 20
)

// Opcodes of pickle protocols 2 to 5 that plain data needs.
const (
	opMark            = '('
	opStop            = '.'
	opBinFloat        = 'G'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opNone            = 'N'
	opBinPersID       = 'Q'
	opReduce          = 'R'
	opShortBinString  = 'U'
	opBinUnicode      = 'X'
	opEmptyList       = ']'
	opAppend          = 'a'
	opBuild           = 'b'
	opGlobal          = 'c'
	opAppends         = 'e'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opSetItem         = 's'
	opTuple           = 't'
	opSetItems        = 'u'
	opEmptyTuple      = ')'
	opEmptyDict       = '}'
	opProto           = 0x80
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
)

// machine runs a pickle. It never recurses, and every operation takes constant
// memory, so the pickle's length bounds all.
type machine struct {
	data  []byte
	at    int
	stack []any
	marks []int // where on the stack the marks are
	memo  map[uint64]any
	made  int // values so far
	// storage resolves a persistent id.
	storage func(tuple) (*storage, error)
}

// unpickle runs a pickle of plain data and returns what it describes.
func unpickle(data []byte, resolve func(tuple) (*storage, error)) (any, error) {
	if len(data) > maxPickleBytes {
		return nil, fmt.Errorf("%w: its pickle has %d bytes, at most %d are taken", ErrTooLarge, len(data), maxPickleBytes)
	}
	m := &machine{data: data, memo: map[uint64]any{}, storage: resolve}
	for {
		start := m.at
		op, err := m.byte()
		if err == nil && op == opStop {
			if len(m.stack) != 1 || len(m.marks) > 0 {
				return nil, fmt.Errorf("%w: the pickle ends with %d values, not 1", ErrCorrupt, len(m.stack))
			}
			return m.stack[0], nil
		}
		if err == nil {
			err = m.step(op)
		}
		if err != nil {
			return nil, fmt.Errorf("%w (pickle byte %d)", err, start)
		}
	}
}

func (m *machine) step(op byte) error {
	if lit, ok, err := m.literal(op); ok || err != nil {
		if err != nil {
			return err
		}
		return m.push(lit)
	}
	switch op {
	case opProto:
		version, err := m.byte()
		if err != nil {
			return err
		}
		if version < 2 || version > 5 {
			return fmt.Errorf("%w: pickle protocol %d", ErrUnsupported, version)
		}
		return nil
	case opFrame:
		_, err := m.take(8) // only a hint for readers
		return err
	case opMark:
		m.marks = append(m.marks, len(m.stack))
		return m.push(mark{})
	case opBinPut, opLongBinPut, opMemoize:
		return m.put(op)
	case opBinGet, opLongBinGet:
		return m.get(op)
	case opAppend, opAppends, opSetItem, opSetItems:
		return m.extend(op)
	case opTuple, opTuple1, opTuple2, opTuple3:
		return m.tuple(op)
	case opGlobal, opStackGlobal:
		return m.global(op)
	case opBinPersID:
		return m.persistent()
	case opReduce:
		return m.reduce()
	case opBuild:
		return m.build()
	}
	return m.refuse(op)
}

// refuse names an operation that plain data does not need.
func (m *machine) refuse(op byte) error {
	switch op {
	case 'i', 'o', 0x81, 0x92: // INST, OBJ, NEWOBJ, NEWOBJ_EX
		what := "an object"
		for _, v := range slices.Backward(m.stack) {
			if g, ok := v.(global); ok {
				what = "an object of " + g.String()
				break
			}
		}
		return fmt.Errorf("%w: it makes %s", ErrUnsafe, what)
	case 0x82, 0x83, 0x84: // EXT1, EXT2, EXT4
		return fmt.Errorf("%w: it uses a registered extension", ErrUnsafe)
	case 'P':
		return fmt.Errorf("%w: a persistent id of pickle protocol 0", ErrUnsupported)
	}
	return fmt.Errorf("%w: pickle operation 0x%02x", ErrUnsupported, op)
}

func (m *machine) put(op byte) error {
	key := uint64(len(m.memo))
	var err error
	if op != opMemoize {
		key, err = m.index(op == opLongBinPut)
	}
	if err != nil {
		return err
	}
	if len(m.stack) == 0 {
		return fmt.Errorf("%w: nothing to remember", ErrCorrupt)
	}
	if len(m.memo) >= maxValues {
		return fmt.Errorf("%w: over %d values to remember", ErrTooLarge, maxValues)
	}
	m.memo[key] = m.stack[len(m.stack)-1]
	return nil
}

func (m *machine) get(op byte) error {
	key, err := m.index(op == opLongBinGet)
	if err != nil {
		return err
	}
	v, ok := m.memo[key]
	if !ok {
		return fmt.Errorf("%w: value %d was never remembered", ErrCorrupt, key)
	}
	return m.push(v)
}

func (m *machine) index(long bool) (uint64, error) {
	if !long {
		b, err := m.byte()
		return uint64(b), err
	}
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return uint64(binary.LittleEndian.Uint32(b)), nil
}

// extend appends to a list or sets items of a dict.
func (m *machine) extend(op byte) error {
	var items []any
	var err error
	switch op {
	case opAppend:
		items, err = m.pop(1)
	case opSetItem:
		items, err = m.pop(2)
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	if len(m.stack) == 0 {
		return fmt.Errorf("%w: items for nothing", ErrCorrupt)
	}
	switch to := m.stack[len(m.stack)-1].(type) {
	case *list:
		if op == opAppend || op == opAppends {
			to.items = append(to.items, items...)
			return nil
		}
	case *dict:
		if op == opSetItem || op == opSetItems {
			return to.set(items)
		}
	}
	return fmt.Errorf("%w: items for %s", ErrCorrupt, kind(m.stack[len(m.stack)-1]))
}

func (d *dict) set(items []any) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("%w: a key without a value", ErrCorrupt)
	}
	for i := 0; i < len(items); i += 2 {
		d.keys = append(d.keys, items[i])
		d.values = append(d.values, items[i+1])
	}
	return nil
}

func (m *machine) tuple(op byte) error {
	var items []any
	var err error
	if op == opTuple {
		items, err = m.popMark()
	} else {
		items, err = m.pop(int(op-opTuple1) + 1)
	}
	if err != nil {
		return err
	}
	return m.push(append(tuple{}, items...))
}

func (m *machine) global(op byte) error {
	var g global
	if op == opGlobal {
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		g = global{module, name}
	} else {
		parts, err := m.pop(2)
		if err != nil {
			return err
		}
		module, ok1 := parts[0].(string)
		name, ok2 := parts[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: a global without a name", ErrCorrupt)
		}
		g = global{module, name}
	}
	if !allowed(g) {
		return fmt.Errorf("%w: it asks for %.200q, and a checkpoint needs plain tensors only", ErrUnsafe, g.String())
	}
	return m.push(g)
}

func (m *machine) persistent() error {
	v, err := m.pop(1)
	if err != nil {
		return err
	}
	id, ok := v[0].(tuple)
	if !ok {
		return fmt.Errorf("%w: a persistent id that is %s", ErrCorrupt, kind(v[0]))
	}
	s, err := m.storage(id)
	if err != nil {
		return err
	}
	return m.push(s)
}

func (m *machine) reduce() error {
	v, err := m.pop(2)
	if err != nil {
		return err
	}
	args, ok := v[1].(tuple)
	if !ok {
		return fmt.Errorf("%w: arguments that are %s", ErrCorrupt, kind(v[1]))
	}
	switch v[0] {
	case orderedDict:
		return m.ordered(args)
	case rebuild:
		t, err := newTensor(args)
		if err != nil {
			return err
		}
		return m.push(t)
	case rebuildParam:
		if len(args) > 0 {
			if t, ok := args[0].(*Tensor); ok {
				return m.push(t)
			}
		}
		return fmt.Errorf("%w: a parameter without a tensor", ErrCorrupt)
	}
	return fmt.Errorf("%w: it calls %s", ErrUnsafe, kind(v[0]))
}

// ordered makes an OrderedDict, empty or from a list of pairs.
func (m *machine) ordered(args tuple) error {
	d := &dict{}
	if len(args) > 0 {
		pairs, ok := args[0].(*list)
		if !ok || len(args) > 1 {
			return fmt.Errorf("%w: an OrderedDict made of %s", ErrUnsupported, kind(args[0]))
		}
		if m.made += len(pairs.items); m.made > maxValues {
			return fmt.Errorf("%w: over %d values", ErrTooLarge, maxValues)
		}
		for _, p := range pairs.items {
			var pair []any
			switch p := p.(type) {
			case tuple:
				pair = p
			case *list:
				pair = p.items
			}
			if len(pair) != 2 {
				return fmt.Errorf("%w: an OrderedDict made of %s", ErrUnsupported, kind(p))
			}
			if err := d.set(pair); err != nil {
				return err
			}
		}
	}
	return m.push(d)
}

// build takes the attributes of an OrderedDict (torch's _metadata) and drops
// them.
func (m *machine) build() error {
	state, err := m.pop(1)
	if err != nil {
		return err
	}
	if len(m.stack) == 0 {
		return fmt.Errorf("%w: a state for nothing", ErrCorrupt)
	}
	_, plain := state[0].(*dict)
	if _, ok := m.stack[len(m.stack)-1].(*dict); !ok || !plain {
		return fmt.Errorf("%w: it sets the state of %s", ErrUnsafe, kind(m.stack[len(m.stack)-1]))
	}
	return nil
}

func (m *machine) push(v any) error {
	if m.made++; m.made > maxValues {
		return fmt.Errorf("%w: over %d values", ErrTooLarge, maxValues)
	}
	m.stack = append(m.stack, v)
	return nil
}

// pop takes the last n values, none of which is a mark. The slice is valid
// until the next push.
func (m *machine) pop(n int) ([]any, error) {
	base := 0
	if len(m.marks) > 0 {
		base = m.marks[len(m.marks)-1] + 1
	}
	if len(m.stack)-base < n {
		return nil, fmt.Errorf("%w: %d values wanted, %d there", ErrCorrupt, n, len(m.stack)-base)
	}
	v := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return v, nil
}

// popMark takes what lies above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, fmt.Errorf("%w: no mark", ErrCorrupt)
	}
	at := m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	v := m.stack[at+1:]
	m.stack = m.stack[:at]
	return v, nil
}
