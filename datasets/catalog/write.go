package catalog

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Format writes a record as ReadFile reads it, a line for each label, recipe and
// step. head is a comment at its beginning.
func Format(d *Dataset, head string) ([]byte, error) {
	var n yaml.Node
	if err := n.Encode(d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	n.HeadComment = head
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch value := n.Content[i+1]; n.Content[i].Value {
		case "labels", "recipes", "image":
			for _, line := range value.Content {
				line.Style = yaml.FlowStyle
			}
		case "licence":
			value.Style = yaml.FlowStyle
		}
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return b.Bytes(), nil
}
