package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/inference"
	"satgraph/inference/checkpoint/onnxfile"
	"satgraph/inference/checkpoint/torchfile/torchtest"
	"satgraph/inference/modeltest"
	"satgraph/inference/onnx"
	"satgraph/inference/onnx/onnxtest"
	"satgraph/inference/text"
)

// tensor makes an entry of seeded values, small enough for float16.
func tensor(name string, shape ...int) torchtest.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	rng := rand.New(rand.NewSource(int64(len(name) + n)))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64()) / 4
	}
	return torchtest.Tensor{Name: name, Shape: shape, Values: values}
}

const tinyWidth = 16

// tinyVision is a vision network of two decoder layers and six stages, the
// list of its tensors written out apart from the code under test.
func tinyVision() []torchtest.Tensor {
	features := []int{4, 4, 5, 6, 7, 8}
	var list []torchtest.Tensor
	linear := func(name string, out, in int) {
		list = append(list, tensor(name+".weight", out, in), tensor(name+".bias", out))
	}
	block := func(name string, out, in int) {
		parts := []torchtest.Tensor{
			tensor(name+".conv.weight", out, in, 3, 3, 3), tensor(name+".conv.bias", out),
			tensor(name+".norm.weight", out), tensor(name+".norm.bias", out),
		}
		list = append(list, parts...)
		for _, p := range parts {
			p.Of = p.Name
			p.Name = strings.NewReplacer(".conv.", ".all_modules.0.", ".norm.", ".all_modules.1.").Replace(p.Name)
			list = append(list, p)
		}
	}
	in, sum := 3, 0
	for s, f := range features {
		block(fmt.Sprintf("backbone.encoder.stages.%d.0.convs.0", s), f, in)
		block(fmt.Sprintf("backbone.encoder.stages.%d.0.convs.1", s), f, f)
		in, sum = f, sum+f
	}
	for s := range 5 {
		up, f := features[5-s], features[4-s]
		name := fmt.Sprintf("backbone.decoder.transpconvs.%d", s)
		list = append(list, tensor(name+".weight", up, f, 2, 2, 2), tensor(name+".bias", f))
		block(fmt.Sprintf("backbone.decoder.stages.%d.convs.0", s), f, 2*f)
		block(fmt.Sprintf("backbone.decoder.stages.%d.convs.1", s), f, f)
	}
	linear("projection_layer.0", 10, sum)
	linear("projection_layer.2", tinyWidth, 10)
	for l := range 2 {
		p := fmt.Sprintf("transformer_decoder.layers.%d.", l)
		list = append(list, tensor(p+"multihead_attn.in_proj_weight", 3*tinyWidth, tinyWidth), tensor(p+"multihead_attn.in_proj_bias", 3*tinyWidth))
		linear(p+"multihead_attn.out_proj", tinyWidth, tinyWidth)
		linear(p+"linear1", 20, tinyWidth)
		linear(p+"linear2", tinyWidth, 20)
		for _, n := range []string{"norm1", "norm2", "norm3"} {
			list = append(list, tensor(p+n+".weight", tinyWidth), tensor(p+n+".bias", tinyWidth))
		}
	}
	list = append(list, tensor("transformer_decoder.norm.weight", tinyWidth), tensor("transformer_decoder.norm.bias", tinyWidth))
	linear("mid_mask_embed_proj.0.0", 5, tinyWidth)
	linear("mask_embed_proj.0", 9, tinyWidth)
	linear("mask_embed_proj.2", 4, 9)
	return list
}

var tinyPieces = []string{"<s>", "<pad>", "</s>", "[UNK]", "[CLS]", "[SEP]", "liver", "left", "kidney", "##s"}

func tinyText(width int) []torchtest.Tensor {
	const hidden, tower = 12, "text_tower.biolord."
	var list []torchtest.Tensor
	linear := func(name string, out, in int) {
		list = append(list, tensor(name+".weight", out, in), tensor(name+".bias", out))
	}
	norm := func(name string) { list = append(list, tensor(name+".weight", hidden), tensor(name+".bias", hidden)) }
	list = append(list, tensor(tower+"embeddings.position_ids", 1, 300),
		tensor(tower+"embeddings.word_embeddings.weight", len(tinyPieces), hidden),
		tensor(tower+"embeddings.position_embeddings.weight", 300, hidden))
	norm(tower + "embeddings.LayerNorm")
	for l := range 2 {
		p := fmt.Sprintf("%sencoder.layer.%d.", tower, l)
		for _, n := range []string{"q", "k", "v", "o"} {
			linear(p+"attention.attn."+n, hidden, hidden)
		}
		norm(p + "attention.LayerNorm")
		linear(p+"intermediate.dense", 18, hidden)
		linear(p+"output.dense", hidden, 18)
		norm(p + "output.LayerNorm")
	}
	list = append(list, tensor(tower+"encoder.relative_attention_bias.weight", 32, 3))
	linear(tower+"pooler.dense", hidden, hidden)
	linear("projection_layer.0", 14, hidden)
	linear("projection_layer.2", width, 14)
	return append(list, tensor("modality_embed.weight", 4, width))
}

// tiny writes both checkpoints and a vocabulary to a new folder.
func tiny(t *testing.T, vision, words torchtest.File) Options {
	t.Helper()
	dir := t.TempDir()
	o := Options{
		Vision: filepath.Join(dir, "vision.pth"), Text: filepath.Join(dir, "text.pth"), Vocabulary: filepath.Join(dir, "vocab.txt"),
		Version: "1", Patch: [3]int{64, 32, 64}, Spacing: [3]float64{1, 1, 3},
		Modalities: []inference.Modality{inference.CT}, Prompts: []inference.Prompt{{Name: "liver"}, {Name: "left kidney"}},
	}
	torchtest.Write(t, o.Vision, vision)
	torchtest.Write(t, o.Text, words)
	if err := os.WriteFile(o.Vocabulary, []byte(strings.Join(tinyPieces, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

func visionFile() torchtest.File {
	return torchtest.File{Step: 5, Prefix: "module.", Tensors: tinyVision()}
}

func wordsFile() torchtest.File {
	return torchtest.File{Step: 5, Prefix: "module.", Tensors: tinyText(tinyWidth)}
}

// convert converts into a folder beside nothing else, and checks that a
// failure leaves none behind.
func convert(t *testing.T, o Options) (string, *Manifest, error) {
	t.Helper()
	parent := t.TempDir()
	out := filepath.Join(parent, "bundle")
	m, err := Convert(context.Background(), out, o)
	if err != nil {
		left, readErr := os.ReadDir(parent)
		if readErr != nil || len(left) > 0 {
			t.Errorf("a failed conversion left %v (%v)", left, readErr)
		}
	}
	return out, m, err
}

func TestConvert(t *testing.T) {
	onnxtest.Need(t)
	o := tiny(t, visionFile(), wordsFile())
	o.SelfTest = func(ctx context.Context, dir string, st *inference.SelfTest) error {
		return onnx.SelfTest(ctx, os.DirFS(dir), dir, st)
	}
	base, want, err := convert(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if want.Name != "SAT" || want.EmbeddingWidth != tinyWidth || want.Text.Heads != 3 || want.Vision.Layers != 2 {
		t.Errorf("manifest says %+v", want)
	}
	var trained, unused int64
	for _, x := range tinyVision() {
		if x.Of == "" {
			trained += int64(len(x.Values))
		}
		if strings.Contains(x.Name, "mid_mask") || strings.Contains(x.Name, "norm1") {
			unused += int64(len(x.Values))
		}
	}
	if want.Parameters.Vision != trained || want.Parameters.Unused <= unused {
		t.Errorf("parameters %+v, want %d of the vision network", want.Parameters, trained)
	}
	for name, change := range map[string]func(*Options, *torchtest.File){
		"bare and without a prefix":       func(_ *Options, f *torchtest.File) { f.Bare, f.Prefix = true, "" },
		"second names only":               func(_ *Options, f *torchtest.File) { onlySecond(f) },
		"second names of their own":       func(_ *Options, f *torchtest.File) { separate(f) },
		"weights beside the model":        func(o *Options, _ *torchtest.File) { o.MaxInline = 1 },
		"weights as float16":              func(o *Options, _ *torchtest.File) { o.Half = true },
		"the network's tensors backwards": func(_ *Options, f *torchtest.File) { separate(f); slices.Reverse(f.Tensors) },
	} {
		t.Run(name, func(t *testing.T) {
			f := visionFile()
			changed := tiny(t, f, wordsFile())
			change(&changed, &f)
			torchtest.Write(t, changed.Vision, f)
			changed.SelfTest = o.SelfTest
			dir, got, err := convert(t, changed)
			if err != nil {
				t.Fatal(err)
			}
			tolerance := want.SelfTest.Tolerance
			want.SelfTest.Tolerance = 1e-5
			if changed.Half {
				want.SelfTest.Tolerance = tolerance
			}
			if _, err := want.SelfTest.Check(got.SelfTest); err != nil {
				t.Error(err)
			}
			want.SelfTest.Tolerance = tolerance
			m, err := onnx.Open(dir, onnx.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			_, beside := got.Files[backboneFile+dataSuffix]
			if beside != (changed.MaxInline == 1) {
				t.Errorf("files %v", got.Files)
			}
		})
	}
	// What is converted is a model like any other, which also looks at several
	// windows in one call.
	modeltest.Run(t, func(t *testing.T) inference.Model {
		t.Helper()
		m, err := onnx.Open(base, onnx.Options{Together: 3})
		if err != nil {
			t.Fatal(err)
		}
		if n := m.(inference.Sizer).Footprint().Together; n != 3 {
			t.Errorf("it looks at %d windows in one call", n)
		}
		return m
	}, inference.CT, "liver", "kidney")
	if _, err := Convert(context.Background(), base, o); !errors.Is(err, ErrExists) {
		t.Errorf("onto a bundle: %v", err)
	}
}

// onlySecond keeps the second name where there are two.
func onlySecond(f *torchtest.File) {
	second := map[string]bool{}
	for _, x := range f.Tensors {
		second[x.Of] = true
	}
	f.Tensors = slices.DeleteFunc(f.Tensors, func(x torchtest.Tensor) bool { return second[x.Name] })
}

// separate gives second names storages of their own.
func separate(f *torchtest.File) {
	for i := range f.Tensors {
		f.Tensors[i].Of = ""
	}
}

// TestEveryTensorIsNamed takes away, reshapes and adds tensors one at a time:
// the error names that tensor and no other.
func TestEveryTensorIsNamed(t *testing.T) {
	base := tiny(t, visionFile(), wordsFile())
	check := func(path string, f torchtest.File, change, key string) {
		t.Helper()
		torchtest.Write(t, path, f)
		_, _, err := convert(t, base)
		bad, ok := errors.AsType[*MismatchError](err)
		if !ok {
			t.Errorf("%s %s: %v", change, key, err)
			return
		}
		for _, p := range bad.Problems {
			if !strings.HasPrefix(p, key) && !strings.Contains(p, key+" ") {
				t.Errorf("%s %s: it says %q", change, key, p)
			}
		}
	}
	for _, file := range []struct {
		path   string
		whole  torchtest.File
		unused func(string) bool
	}{{base.Vision, visionFile(), unusedVision}, {base.Text, wordsFile(), unusedText}} {
		for i, x := range file.whole.Tensors {
			if file.unused(x.Name) || x.Of != "" {
				continue
			}
			f := file.whole
			f.Tensors = slices.DeleteFunc(slices.Clone(f.Tensors), func(y torchtest.Tensor) bool { return y.Name == x.Name || y.Of == x.Name })
			check(file.path, f, "without", x.Name)

			f.Tensors = slices.Clone(file.whole.Tensors)
			longer := tensor(x.Name, append([]int{x.Shape[0] + 1}, x.Shape[1:]...)...)
			f.Tensors[i] = longer
			for j, y := range f.Tensors {
				if y.Of == x.Name {
					f.Tensors[j].Shape = longer.Shape
				}
			}
			switch x.Name {
			case "modality_embed.weight", "text_tower.biolord.embeddings.word_embeddings.weight", "text_tower.biolord.embeddings.position_embeddings.weight":
				continue // one more row of these is another network, not a wrong one
			}
			check(file.path, f, "longer", x.Name)
		}
		f := file.whole
		f.Tensors = append(slices.Clone(f.Tensors), tensor("query_proj.0.weight", 2, 2))
		check(file.path, f, "with", "query_proj.0.weight")
		torchtest.Write(t, file.path, file.whole)
	}
}

func TestConvertRefuses(t *testing.T) {
	spoil := func(f *torchtest.File, name string, v float32) {
		for i, x := range f.Tensors {
			if x.Name == name {
				f.Tensors[i].Values[len(x.Values)-1] = v
			}
		}
	}
	const someWeight = "backbone.encoder.stages.5.0.convs.1.conv.weight"
	for name, c := range map[string]struct {
		change func(o *Options, v, x *torchtest.File)
		want   error
		word   string
	}{
		"widths that differ": {func(_ *Options, _, x *torchtest.File) { x.Tensors = tinyText(tinyWidth + 4) }, ErrPair, "queries of 16"},
		"steps that differ":  {func(_ *Options, _, x *torchtest.File) { x.Step = 6 }, ErrPair, "step 5"},
		"pairs that differ":  {func(_ *Options, v, x *torchtest.File) { v.Pair, x.Pair = "a", "b" }, ErrPair, `"a"`},
		"swapped":            {func(o *Options, _, _ *torchtest.File) { o.Vision, o.Text = o.Text, o.Vision }, ErrMismatch, "this is a text encoder"},
		"twice the vision":   {func(o *Options, _, _ *torchtest.File) { o.Text = o.Vision }, ErrMismatch, "this is a vision network"},
		"NaN":                {func(_ *Options, v, _ *torchtest.File) { spoil(v, someWeight, float32(math.NaN())) }, ErrNotFinite, someWeight},
		"infinity in text":   {func(_ *Options, _, x *torchtest.File) { spoil(x, "modality_embed.weight", float32(math.Inf(1))) }, ErrNotFinite, "modality_embed"},
		"beyond float16": {func(o *Options, v, _ *torchtest.File) {
			o.Half = true
			spoil(v, someWeight, 7e4)
		}, onnxfile.ErrHalfRange, someWeight},
		"second name differs": {func(_ *Options, v, _ *torchtest.File) {
			separate(v)
			for i, x := range v.Tensors {
				v.Tensors[i].Values = slices.Clone(x.Values)
			}
			spoil(v, "backbone.encoder.stages.5.0.convs.1.all_modules.0.weight", 3)
		}, ErrMismatch, "differ"},
		"heads":         {func(o *Options, _, _ *torchtest.File) { o.Heads = 5 }, ErrOption, "5 heads"},
		"no heads":      {func(o *Options, _, _ *torchtest.File) { o.Heads = -1 }, ErrOption, "-1 heads"},
		"text heads":    {func(o *Options, _, _ *torchtest.File) { o.TextHeads = 4 }, ErrOption, "has 3"},
		"patch":         {func(o *Options, _, _ *torchtest.File) { o.Patch[1] = 48 }, inference.ErrBadManifest, "patch"},
		"spacing":       {func(o *Options, _, _ *torchtest.File) { o.Spacing[1] = 0 }, inference.ErrBadManifest, "spacing"},
		"no prompts":    {func(o *Options, _, _ *torchtest.File) { o.Prompts = nil }, inference.ErrBadManifest, "prompts"},
		"no vision":     {func(o *Options, _, _ *torchtest.File) { o.Vision += "x" }, os.ErrNotExist, "pthx"},
		"no vocabulary": {func(o *Options, _, _ *torchtest.File) { o.Vocabulary += "x" }, os.ErrNotExist, "txtx"},
	} {
		v, x := visionFile(), wordsFile()
		o := tiny(t, v, x)
		c.change(&o, &v, &x)
		if !strings.Contains(name, "swapped") && !strings.Contains(name, "twice") && !strings.HasPrefix(name, "no vision") {
			torchtest.Write(t, o.Vision, v)
			torchtest.Write(t, o.Text, x)
		}
		if _, _, err := convert(t, o); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.word)
		}
	}
}

func TestStepsOfPretrainingSayNothing(t *testing.T) {
	x := wordsFile()
	x.Step = 9
	o := tiny(t, visionFile(), x)
	o.Unpaired = true
	if _, _, err := convert(t, o); err != nil {
		t.Errorf("with --unpaired: %v", err)
	}
	x.Tensors = append(x.Tensors, tensor("temperature", 1), tensor("atlas_tower.w", 2))
	o = tiny(t, visionFile(), x)
	if _, _, err := convert(t, o); err != nil {
		t.Errorf("with parts of the pretraining: %v", err)
	}
}

func TestVocabularyOfAnotherModel(t *testing.T) {
	for pieces, want := range map[string]error{
		strings.Join(tinyPieces, "\n") + "\nmore\n": ErrPair,
		"[CLS]\n[UNK]\n": text.ErrVocabulary,
	} {
		o := tiny(t, visionFile(), wordsFile())
		if err := os.WriteFile(o.Vocabulary, []byte(pieces), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := convert(t, o); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestCancelled(t *testing.T) {
	o := tiny(t, visionFile(), wordsFile())
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(done, all int64) {
		if done > all/2 {
			cancel()
		}
	}
	parent := t.TempDir()
	if _, err := Convert(ctx, filepath.Join(parent, "bundle"), o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
