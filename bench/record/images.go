package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanproof/lanproof/internal/whole"
)

// SavePlots writes each plot of the comparison as an SVG image of its own into dir, which
// it creates: all.svg with the ratios of all figures, one for each figure, named after its
// benchmark and unit, and one for each growth, whose name begins with "growth-of". It
// returns how many they are.
func (c *Comparison) SavePlots(dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, fmt.Errorf("save the plots: %w", err)
	}
	images := imageFiles{used: map[string]bool{}, dir: dir}
	for i := range c.Pairs {
		p := &c.Pairs[i]
		behind := ""
		if len(c.Pairs) > 1 {
			behind = " " + p.B.ID
		}
		if len(p.Figures) > 0 {
			images.save("all"+behind, p.Ratios(c.Effect).WriteSVG)
		}
		for k := range p.Figures {
			j := &p.Figures[k]
			images.save(j.Benchmark+" "+j.Unit+behind, p.Plot(j).WriteSVG)
		}
		for _, chart := range p.Growth() {
			images.save("growth of "+chart.Title+" "+chart.Y.Label+behind, chart.WriteSVG)
		}
	}
	return len(images.used), errors.Join(images.errs...)
}

// imageFiles are images in a folder, each with a name of its own.
type imageFiles struct {
	dir  string
	used map[string]bool
	errs []error
}

func (f *imageFiles) save(title string, write func(io.Writer) error) {
	name := fileWord(title)
	for n := 2; f.used[name]; n++ {
		name = fmt.Sprintf("%s-%d", fileWord(title), n)
	}
	f.used[name] = true
	if err := whole.Write(filepath.Join(f.dir, name+".svg"), write); err != nil {
		f.errs = append(f.errs, err)
	}
}

// fileWord is a title as the name of a file.
func fileWord(title string) string {
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, strings.ToLower(clip(title, 120)))
	for strings.Contains(word, "--") {
		word = strings.ReplaceAll(word, "--", "-")
	}
	return strings.Trim(word, "-.")
}
