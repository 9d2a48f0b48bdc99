package cel

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// wellKnownLabels need no declaration; the shipped policy is written in them.
var wellKnownLabels = []string{"flow:allowed", "reads:private", "sink:external", "source:untrusted"}

var formLabel = regexp.MustCompile(`^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$`)

// maxLabel bounds a label; people write them.
const maxLabel = 128

func checkLabelForm(label string) error {
	if len(label) > maxLabel || !formLabel.MatchString(label) {
		return fmt.Errorf("%s is no label: want key:value, each of lower-case letters, digits and dashes, beginning with a letter", quoted(label))
	}
	return nil
}

// checkLabel finds labels that nobody gives: the nearest one is what was meant, or it
// has to be declared.
func checkLabel(label string, known []string) error {
	if err := checkLabelForm(label); err != nil {
		return err
	}
	if slices.Contains(known, label) {
		return nil
	}
	if hint := nearest.Hint(label, known); hint != "" {
		return fmt.Errorf("unknown label %q%s", label, hint)
	}
	return fmt.Errorf("unknown label %q: a label of your own is declared by labels: [%s] at the top of the policy", label, label)
}
