package inference

// keepLargest sets every voxel above the threshold that is not in the largest
// face-connected component to 0. data is in C order. Ties go to the component
// that comes first. It returns the number of components that were there.
func keepLargest(data []float32, shape [3]int, threshold float32) int {
	label := make([]int32, len(data))
	step := [3]int{shape[1] * shape[2], shape[2], 1}
	var stack []int
	var count, best, most int
	for start, v := range data {
		if v <= threshold || label[start] != 0 {
			continue
		}
		count++
		size := 0
		stack = append(stack[:0], start)
		label[start] = int32(count)
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			size++
			pos := [3]int{at / step[0], at / step[1] % shape[1], at % shape[2]}
			for a := range pos {
				for _, d := range [2]int{-1, 1} {
					next := at + d*step[a]
					if pos[a]+d < 0 || pos[a]+d >= shape[a] || label[next] != 0 || data[next] <= threshold {
						continue
					}
					label[next] = label[start]
					stack = append(stack, next)
				}
			}
		}
		if size > most {
			best, most = count, size
		}
	}
	if count > 1 {
		for i, l := range label {
			if l != 0 && int(l) != best {
				data[i] = 0
			}
		}
	}
	return count
}
