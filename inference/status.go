package inference

// Statuses of a structure after a run, beside NotSegmentable, Ambiguous and
// Unknown, which it keeps from the plan.
const (
	Segmented     = "segmented"             // found, and its mask given to the sink
	Absent        = "absent"                // looked for and not found: nothing is drawn
	OutsideView   = "outside_field_of_view" // not found, and the scan does not seem to reach it
	WrongModality = "wrong_modality"        // not looked for: its class is of another kind of scan
	Failed        = "failed"                // could not be finished; the reason says why
	Cancelled     = "cancelled"             // not reached before the run was stopped
)

// outcome is a status in words.
func (s *StructureResult) outcome() string {
	switch s.Status {
	case Segmented:
		if s.Truncated {
			return "found; touches the border: may be cut"
		}
		return "found"
	case Absent:
		return "empty"
	case OutsideView:
		return "outside the field of view"
	case WrongModality:
		return "wrong modality"
	case Failed:
		return "failed: " + s.Reason
	case NotSegmentable:
		return "not segmentable"
	default:
		return s.Status
	}
}
