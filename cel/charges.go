package cel

import (
	"math"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// price returns how long a call with these arguments takes at most, in nanoseconds.
// The receiver of a method is the first. What is not known of an argument is taken as
// the worst.
type price func(args []operand) float64

// charges are the prices of the functions whose time depends on how large their
// arguments are, by name. All others take as long as it takes to call them. The
// figures are rough: measured on one machine and rounded up, not each to the same
// degree. BenchmarkWorstCase shows what they come to: how long the dearest calls take
// that are still made.
var charges = map[string]price{
	operators.Equals:        equalPrice,
	operators.NotEquals:     equalPrice,
	operators.Less:          lesserLength,
	operators.LessEquals:    lesserLength,
	operators.Greater:       lesserLength,
	operators.GreaterEquals: lesserLength,
	operators.Add:           addPrice,
	operators.In:            inPrice,
	"size":                  perByte(1.5),

	"startsWith":    lesserLength,
	"endsWith":      lesserLength,
	"contains":      containsPrice,
	"indexOf":       indexPrice,
	"lastIndexOf":   indexPrice,
	"charAt":        perByte(12),
	"substring":     perByte(12),
	"lowerAscii":    perByte(12),
	"upperAscii":    perByte(12),
	"trim":          perByte(6),
	"strings.quote": perByte(16),
	"reverse":       func(a []operand) float64 { return 12*a[0].length() + 40*a[0].size() },
	"replace":       replacePrice,
	"split":         splitPrice,
	"join":          joinPrice,
	"format":        formatPrice,

	"bytes":     perByte(4),
	"string":    func(a []operand) float64 { return 150 + 8*a[0].length() },
	"int":       conversionPrice,
	"uint":      conversionPrice,
	"double":    conversionPrice,
	"duration":  conversionPrice,
	"timestamp": conversionPrice,

	"fold":           foldPrice,
	"glob":           globPrice,
	"semver.compare": func(a []operand) float64 { return 200 + 12*(a[0].length()+a[1].length()) },
	"semver.isValid": perByte(4),

	"matches":          matchesPrice,
	"regex.extract":    extractPrice,
	"regex.extractAll": extractPrice,
	"regex.replace":    regexReplacePrice,

	"timeOfDay":       zonePrice,
	"getDate":         zonePrice,
	"getDayOfMonth":   zonePrice,
	"getDayOfWeek":    zonePrice,
	"getDayOfYear":    zonePrice,
	"getFullYear":     zonePrice,
	"getHours":        zonePrice,
	"getMilliseconds": zonePrice,
	"getMinutes":      zonePrice,
	"getMonth":        zonePrice,
	"getSeconds":      zonePrice,

	"ip":             addressPrice,
	"isIP":           addressPrice,
	"ip.isCanonical": addressPrice,
	"cidr":           addressPrice,
	"isCIDR":         addressPrice,
	"containsIP":     addressPrice,
	"containsCIDR":   addressPrice,

	"distinct":              distinctPrice,
	"sort":                  sortPrice,
	"@sortByAssociatedKeys": sortPrice,
	"flatten":               func(a []operand) float64 { return 250 * a[0].weight().parts },
	"slice":                 func(a []operand) float64 { return 15 * a[0].size() },
	"lists.range":           rangePrice,
	"math.@min":             extremePrice,
	"math.@max":             extremePrice,
	"sets.contains":         pairsPrice,
	"sets.equivalent":       pairsPrice,
	"sets.intersects":       pairsPrice,
	"hasAll":                pairsPrice,
	"hasAny":                pairsPrice,
	"hasExactly":            pairsPrice,
	"hasOnly":               pairsPrice,
}

// perByte is the price of going through a text.
func perByte(ns float64) price {
	return func(a []operand) float64 { return ns * a[0].length() }
}

// lesserLength is the price of comparing two texts.
func lesserLength(a []operand) float64 {
	return math.Min(a[0].length(), a[1].length())
}

func equalPrice(a []operand) float64 {
	for _, o := range a {
		if o.scalar() || o.value != nil && o.size() == 0 {
			return lesserLength(a) // and nothing is equal to a text but a text
		}
	}
	x, y := a[0].weight(), a[1].weight()
	return 300*math.Min(x.parts, y.parts) + math.Min(x.bytes, y.bytes)
}

func addPrice(a []operand) float64 {
	return 3*(a[0].length()+a[1].length()) + 30*(a[0].size()+a[1].size())
}

func inPrice(a []operand) float64 {
	if a[1].kind == types.MapKind {
		return 100 + a[0].length() // of the key's hash
	}
	if text, ok := a[0].text(); ok { // and of texts only those of its length are read
		return (150 + float64(len(text))) * a[1].size()
	}
	w := a[1].weight()
	return 150*w.parts + w.bytes
}

// shortNeedle is how long a text may be that is looked for without strings.Index
// hashing.
const shortNeedle = 63

func containsPrice(a []operand) float64 {
	if a[1].length() <= shortNeedle {
		return a[0].length()
	}
	return 2.5 * a[0].length()
}

func indexPrice(a []operand) float64 {
	return 8*a[0].length() + atLeast(a[0].length()*a[1].length())
}

// atLeast makes nothing of nothing times anything.
func atLeast(product float64) float64 {
	if math.IsNaN(product) {
		return 0
	}
	return product
}

// pieces returns how often a text is found in another, at most.
func pieces(in, of operand) float64 {
	text, ok := in.text()
	part, ok2 := of.text()
	if ok && ok2 && len(text) <= maxScan {
		return float64(strings.Count(text, part))
	}
	if ok2 {
		return in.length()/math.Max(float64(len(part)), 1) + 1
	}
	return in.length() + 1
}

// maxScan is how much of a text is looked through for a price.
const maxScan = MaxCost * nsPerUnit / 4

func replacePrice(a []operand) float64 {
	n := pieces(a[0], a[1])
	return 6*a[0].length() + 20*n + 3*atLeast(n*a[2].length())
}

func splitPrice(a []operand) float64 {
	return 2*a[0].length() + 30*pieces(a[0], a[1])
}

func joinPrice(a []operand) float64 {
	w := a[0].weight()
	price := 70*w.parts + 4*w.bytes
	if len(a) > 1 {
		price += 4 * atLeast(w.parts*a[1].length())
	}
	return price
}

func formatPrice(a []operand) float64 {
	text, ok := a[0].text()
	if !ok || len(text) > maxScan {
		return math.Inf(1)
	}
	clause := 1000.0
	if strings.Contains(text, ".") {
		clause = 9000 // a hundred digits
	}
	w := a[1].weight()
	return 3*float64(len(text)) + clause*float64(strings.Count(text, "%")) + 150*w.parts + 10*w.bytes
}

func conversionPrice(a []operand) float64 { return 100 + 8*a[0].length() }

// foldPrice charges what is not ASCII for the worst there is, U+FDFA.
func foldPrice(a []operand) float64 {
	text, ok := a[0].text()
	if !ok || len(text) > maxScan {
		return 700 * a[0].length()
	}
	ascii := 0
	for i := range len(text) {
		if text[i] < utf8.RuneSelf {
			ascii++
		}
	}
	return 200 + 40*float64(ascii) + 700*float64(len(text)-ascii)
}

// globPrice is that of trying every alternative at every place.
func globPrice(a []operand) float64 {
	length, choices := a[1].length(), float64(maxAlternatives)
	if pattern, ok := a[1].text(); ok && length <= longestGlob {
		choices = float64(alternatives(pattern))
	}
	if a[1].value != nil && length > longestGlob {
		return math.Inf(1)
	}
	return 100 + choices*8*(1+a[0].length())*(1+length)
}

// zonePrice is that of reading a zone from the database.
func zonePrice(a []operand) float64 {
	if len(a) == 1 {
		return 100
	}
	return 20_000
}

func addressPrice(a []operand) float64 {
	return 300 + 20*a[len(a)-1].length()
}

func distinctPrice(a []operand) float64 {
	w := a[0].weight()
	return atLeast(a[0].size() * (20*w.parts + w.bytes))
}

func sortPrice(a []operand) float64 {
	price := 0.0
	for _, o := range a {
		w := o.weight()
		price += (100*w.parts + w.bytes) * (1 + math.Log2(1+w.parts))
	}
	return price
}

func rangePrice(a []operand) float64 {
	if n, ok := a[0].value.(types.Int); ok {
		return 15 * math.Max(float64(n), 0)
	}
	return math.Inf(1)
}

func extremePrice(a []operand) float64 {
	return 250 * a[0].size()
}

func pairsPrice(a []operand) float64 {
	x, y := a[0].weight(), a[1].weight()
	return atLeast(a[0].size()*(20*y.parts+y.bytes)) + atLeast(a[1].size()*(20*x.parts+x.bytes))
}
