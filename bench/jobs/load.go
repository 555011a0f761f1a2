package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"satgraph/datasets/phantom"
	"satgraph/volume"
)

// scans is how many there are; each is asked for with many sets of prompts.
const scans = 6

// prompts of the demo model, of which each job has some.
var prompts = []string{
	"heart", "left heart atrium", "right heart atrium", "left heart ventricle", "right heart ventricle", "aorta", "liver", "left lung", "right lung",
}

// each is how many a job has.
const each = 3

// job is what the service says of one.
type job struct {
	ID, Status           string
	FinishedAt           string
	Starts               int
	Reused               bool
	Error                *struct{ Message string }
	Structures           []structure
	asked                time.Time
	took                 time.Duration
	scan                 int
	key, image, selected string
}

type structure struct {
	Name    string
	Status  string
	MaskURL string
}

const fields = `{ id status finishedAt starts reused error { message } structures { name status maskUrl } }`

// makeScans writes small phantoms, each other than the others.
func makeScans(dir string) ([]string, error) {
	var paths []string
	for i := range scans {
		p, err := phantom.Generate(phantom.Options{Seed: uint64(i + 1), Version: 1, Spacing: 6})
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, fmt.Sprintf("scan%d.nii.gz", i))
		if err := volume.WriteImage(path, middle(p.Image), volume.Int16); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// middle cuts out of a scan what the model looks at in one or two windows.
func middle(im *volume.Image) *volume.Image {
	const side = 28
	out := &volume.Image{Grid: im.Grid}
	var from [3]int
	for axis, n := range im.Shape {
		out.Shape[axis] = min(n, side)
		from[axis] = (n - out.Shape[axis]) / 2
	}
	out.Data = make([]float32, out.Voxels())
	for k := range out.Shape[2] {
		for j := range out.Shape[1] {
			for i := range out.Shape[0] {
				out.Data[out.Index(i, j, k)] = im.Data[im.Index(i+from[0], j+from[1], k+from[2])]
			}
		}
	}
	return out
}

// expected are the masks of undisturbed runs: for each scan, by prompt, the bytes.
func (r *rig) expected(ctx context.Context, paths []string) ([]map[string][]byte, error) {
	var out []map[string][]byte
	for i, path := range paths {
		dir := r.path(fmt.Sprintf("expected%d", i))
		args := []string{"segment", path, "--modality", "ct", "--no-resume", "-o", dir}
		for _, p := range prompts {
			args = append(args, "--prompt", p)
		}
		cmd := exec.CommandContext(ctx, r.program, args...) //nolint:gosec // what the user names
		cmd.Env = r.env
		if text, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 4 {
			return nil, fmt.Errorf("%w: %s", err, text)
		}
		text, err := os.ReadFile(filepath.Join(dir, "report.json"))
		if err != nil {
			return nil, err
		}
		var report struct {
			Structures []struct{ Name, File string }
		}
		if err := json.Unmarshal(text, &report); err != nil {
			return nil, err
		}
		masks := map[string][]byte{}
		for _, s := range report.Structures {
			masks[s.Name] = nil
			if s.File == "" {
				continue
			}
			if masks[s.Name], err = os.ReadFile(filepath.Join(dir, s.File)); err != nil {
				return nil, err
			}
		}
		out = append(out, masks)
	}
	return out, nil
}

// upload sends the scans and gives their ids.
func (r *rig) upload(ctx context.Context, paths []string) ([]string, error) {
	var ids []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		text, err := r.post(ctx, "/images", "application/octet-stream", data)
		if err != nil {
			return nil, err
		}
		var image struct{ ID string }
		if err := json.Unmarshal(text, &image); err != nil || image.ID == "" {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		ids = append(ids, image.ID)
	}
	return ids, nil
}

// load keeps some jobs ahead until killing ends, and then waits for the last. It
// gives all jobs as they ended, and those that did not.
func (r *rig) load(ctx context.Context, images []string, killing <-chan struct{}) (ended, open []*job, err error) {
	random := rand.New(rand.NewPCG(r.seed, 2)) //nolint:gosec // no secret
	var deadline <-chan time.Time
	for n := 0; ; {
		select {
		case <-killing:
			killing, deadline = nil, time.After(r.limit)
		case <-deadline:
			return ended, open, nil
		case <-ctx.Done():
			return ended, open, ctx.Err()
		default:
		}
		if killing == nil && len(open) == 0 {
			return ended, open, nil
		}
		for killing != nil && len(open) < r.ahead {
			n++
			j, err := r.submit(ctx, random, images, n)
			if err != nil {
				return ended, open, err
			}
			open = append(open, j)
		}
		for i := 0; i < len(open); i++ {
			j := open[i]
			if err := r.look(ctx, j); err != nil {
				return ended, open, err
			}
			if j.Status != "QUEUED" && j.Status != "RUNNING" {
				j.took = time.Since(j.asked)
				ended = append(ended, j)
				open = slices.Delete(open, i, i+1)
				i--
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// submit asks for a job.
func (r *rig) submit(ctx context.Context, random *rand.Rand, images []string, n int) (*job, error) {
	scan := random.IntN(len(images))
	names := slices.Clone(prompts)
	random.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	list, err := json.Marshal(names[:each])
	if err != nil {
		return nil, err
	}
	j := &job{scan: scan, key: fmt.Sprint("key ", n), image: images[scan], selected: string(list), asked: time.Now()}
	for range 1 + n%2 { // every other is sent again, as after a lost answer
		id := j.ID
		var answer struct{ Segment struct{ Job *job } }
		query := fmt.Sprintf(`mutation { segment(image: %q, prompts: %s, modality: CT, key: %q) { job %s } }`, j.image, j.selected, j.key, fields)
		if err := r.ask(ctx, query, &answer); err != nil {
			return nil, err
		}
		if answer.Segment.Job == nil {
			return nil, errors.New("a job was not taken")
		}
		if j.ID = answer.Segment.Job.ID; id != "" && id != j.ID {
			return nil, fmt.Errorf("the key %q stands for %s and %s", j.key, id, j.ID)
		}
	}
	return j, nil
}

// look asks how a job is; one that is not there is lost.
func (r *rig) look(ctx context.Context, j *job) error {
	var answer struct{ Job *job }
	if err := r.ask(ctx, fmt.Sprintf(`{ job(id: %q) %s }`, j.ID, fields), &answer); err != nil {
		return err
	}
	if answer.Job == nil {
		j.Status = "LOST"
		return nil
	}
	now := answer.Job
	j.Status, j.FinishedAt, j.Starts, j.Reused, j.Error, j.Structures = now.Status, now.FinishedAt, now.Starts, now.Reused, now.Error, now.Structures
	return nil
}

// told is how a job ended, to compare.
func (j *job) told() string {
	var masks []string
	for _, s := range j.Structures {
		masks = append(masks, s.Name+s.Status+s.MaskURL)
	}
	return j.Status + j.FinishedAt + strings.Join(masks, " ")
}
