package guard

// CheckJSON bounds how deep the arrays and objects of a JSON text are nested,
// before it is decoded. It does not check the syntax: that is the decoder's
// part. The error is a [*LimitError].
func CheckJSON(body []byte, depth int) error {
	open := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if open++; open > depth {
				return &LimitError{What: "levels of nesting in the JSON", Limit: depth}
			}
		case '}', ']':
			open--
		}
	}
	return nil
}
