package j2k

// The inverse wavelet transforms (Annex F), in place. Coefficients lie in rows
// of the tile's width w; of each resolution the low-pass samples stand before
// the high-pass ones, both ways. Vertical steps work on whole rows, which keeps
// to the order of memory.

// Lifting factors of the irreversible 9-7 filter (Table F.4).
const (
	alpha = -1.586134342059924
	beta  = -0.052980118572961
	gamma = 0.882911075530934
	delta = 0.443506852043971
	kLow  = 1.230174104914001
)

func inverse53(data []int32, w int, resolutions []*resolution) {
	for r := 1; r < len(resolutions); r++ {
		res := resolutions[r]
		rw, rh := res.x1-res.x0, res.y1-res.y0
		if rw == 0 || rh == 0 {
			continue
		}
		line := make([]int32, rw)
		for y := range rh {
			row := data[y*w : y*w+rw]
			interleave(line, row, res.x0&1)
			lift53(line, res.x0&1)
			copy(row, line)
		}
		rows := interleaveRows(data, w, rw, rh, res.y0&1)
		lines53(rows, res.y0&1)
		for y, row := range rows {
			copy(data[y*w:], row)
		}
	}
}

func inverse97(data []float32, w int, resolutions []*resolution) {
	for r := 1; r < len(resolutions); r++ {
		res := resolutions[r]
		rw, rh := res.x1-res.x0, res.y1-res.y0
		if rw == 0 || rh == 0 {
			continue
		}
		line := make([]float32, rw)
		for y := range rh {
			row := data[y*w : y*w+rw]
			interleave(line, row, res.x0&1)
			lift97(line, res.x0&1)
			copy(row, line)
		}
		rows := interleaveRows(data, w, rw, rh, res.y0&1)
		lines97(rows, res.y0&1)
		for y, row := range rows {
			copy(data[y*w:], row)
		}
	}
}

// interleave puts low-pass samples at the places of even coordinates and
// high-pass ones at odd; odd says that the first coordinate is.
func interleave[T any](dst, src []T, odd int) {
	low := (len(dst) + 1 - odd) / 2
	for i, v := range src[:low] {
		dst[2*i+odd] = v
	}
	for i, v := range src[low:len(dst)] {
		dst[2*i+1-odd] = v
	}
}

func interleaveRows[T any](data []T, w, rw, rh, odd int) [][]T {
	buf := make([]T, rw*rh)
	rows := make([][]T, rh)
	low := (rh + 1 - odd) / 2
	for y := range rh {
		from := y/2 + low
		if (y+odd)&1 == 0 {
			from = (y - odd) / 2
		}
		rows[y] = buf[y*rw : (y+1)*rw]
		copy(rows[y], data[from*w:from*w+rw])
	}
	return rows
}

// mirror gives the indices beside i, reflected at the ends (symmetric
// extension, F.3.7).
func mirror(i, n int) (before, after int) {
	before, after = i-1, i+1
	if before < 0 {
		before = 1
	}
	if after >= n {
		after = n - 2
	}
	return before, after
}

func lift53(a []int32, odd int) {
	n := len(a)
	if n == 1 {
		if odd == 1 {
			a[0] >>= 1
		}
		return
	}
	for i := odd; i < n; i += 2 {
		b, c := mirror(i, n)
		a[i] -= (a[b] + a[c] + 2) >> 2
	}
	for i := 1 - odd; i < n; i += 2 {
		b, c := mirror(i, n)
		a[i] += (a[b] + a[c]) >> 1
	}
}

func lines53(rows [][]int32, odd int) {
	n := len(rows)
	if n == 1 {
		if odd == 1 {
			for x := range rows[0] {
				rows[0][x] >>= 1
			}
		}
		return
	}
	for i := odd; i < n; i += 2 {
		b, c := mirror(i, n)
		row, up, down := rows[i], rows[b], rows[c]
		for x := range row {
			row[x] -= (up[x] + down[x] + 2) >> 2
		}
	}
	for i := 1 - odd; i < n; i += 2 {
		b, c := mirror(i, n)
		row, up, down := rows[i], rows[b], rows[c]
		for x := range row {
			row[x] += (up[x] + down[x]) >> 1
		}
	}
}

func lift97(a []float32, odd int) {
	n := len(a)
	if n == 1 {
		if odd == 1 {
			a[0] /= 2
		}
		return
	}
	for i := range a {
		if (i+odd)&1 == 0 {
			a[i] *= kLow
		} else {
			a[i] *= 1 / kLow
		}
	}
	for s, f := range [4]float32{delta, gamma, beta, alpha} {
		for i := (s + odd) & 1; i < n; i += 2 {
			b, c := mirror(i, n)
			a[i] -= f * (a[b] + a[c])
		}
	}
}

func lines97(rows [][]float32, odd int) {
	n := len(rows)
	if n == 1 {
		if odd == 1 {
			for x := range rows[0] {
				rows[0][x] /= 2
			}
		}
		return
	}
	for i, row := range rows {
		k := float32(kLow)
		if (i+odd)&1 == 1 {
			k = 1 / kLow
		}
		for x := range row {
			row[x] *= k
		}
	}
	for s, f := range [4]float32{delta, gamma, beta, alpha} {
		for i := (s + odd) & 1; i < n; i += 2 {
			b, c := mirror(i, n)
			row, up, down := rows[i], rows[b], rows[c]
			for x := range row {
				row[x] -= f * (up[x] + down[x])
			}
		}
	}
}
