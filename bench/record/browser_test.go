package record

import (
	"testing"

	"github.com/lanproof/lanproof/internal/browser"
)

// TestBrowser: a real Chromium shows the page without a complaint, by its policy, light
// and dark, narrow and wide.
func TestBrowser(t *testing.T) {
	b := browser.New(t)
	b.WithoutScript()
	page := []byte(formatted(t, rich(t).WriteHTML))
	b.Open(page, "#f-0-0")
	b.Want("13", `document.querySelectorAll("figure svg").length`)
	b.Want("true", `[...document.querySelectorAll("figure svg")].every(s => s.getBoundingClientRect().width > 300)`)
	// Nothing that is said lies outside its picture.
	b.Want("", `[...document.querySelectorAll("figure svg text")].filter(t => {
		const r = t.getBoundingClientRect(), s = t.closest("svg").getBoundingClientRect();
		return r.left < s.left || r.right > s.right + 1 || r.top < s.top || r.bottom > s.bottom + 1;
	}).map(t => t.textContent).join()`)
	b.Want("rgb(31, 39, 51)", `getComputedStyle(document.querySelector(".pl-h")).fill`)
	b.Shoot("bench")
	b.Dark(true)
	b.Want("rgb(228, 231, 235)", `getComputedStyle(document.querySelector(".pl-h")).fill`)
	b.Want("rgb(124, 188, 236)", `getComputedStyle(document.querySelector(".pl-c0 .pl-d")).fill`)
	b.Shoot("bench-dark")
	b.Quiet()
}
