package reports

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lanproof/lanproof/internal/browser"
)

// browsed is rich with frames that are known and matrices of both sizes.
func browsed() *Results {
	r := rich()
	c := trunkCase()
	c.Scenario, c.Case, c.Ground, c.Kernel, c.Labels = "drawn", "drawn", "host", "k", []string{"only-drawn"}
	passed := wayCheck()
	passed.ID, passed.Verdict, passed.Drops = "way-passed", Pass, nil
	small, large := square(4), square(120)
	matrix := Check{ID: "matrix", Title: "who hears whom", Verdict: Fail, Expected: "as the tables say", Observed: "otherwise", Matrices: []Matrix{small, large}}
	hostile := wayCheck()
	hostile.ID, hostile.Title = "way-hostile", breakout
	for i := range hostile.Evidence {
		if f := hostile.Evidence[i].Frame; f != nil {
			hostile.Evidence[i].At = breakout
			*f = Frame{breakout, breakout, breakout, []string{breakout}, []string{breakout}}
		}
	}
	hostile.Matrices = []Matrix{{Title: breakout, From: []string{breakout}, To: []string{breakout}, Expected: []string{"+"}, Observed: []string{"<"}}}
	hidden := hostile
	hidden.ID, hidden.Verdict = "hostile-passed", Pass
	c.Checks = []Check{wayCheck(), passed, matrix, hostile, hidden}
	c.Settle()
	r.Cases = append(r.Cases, c)
	r.Summarize()
	return r
}

// drawnCheck is the id of a check of that case.
func drawnCheck(id string) string {
	return checkAnchor("drawn", (&Case{Ground: "host", Kernel: "k"}).place(), id)
}

// checkAnchor is the id that a check alone of its names has in a page.
func checkAnchor(parts ...string) string {
	return (&viewer{ids: unique{}, used: map[string]bool{}}).brief(parts...)
}

func TestBrowser(t *testing.T) {
	b := browser.New(t)
	content := htmlOf(t, browsed())
	check := drawnCheck

	b.Open(content, "#"+check("way-passed"))
	b.Want("true", `document.getElementById(location.hash.slice(1)).closest("details").open`)
	b.Want("visible", `getComputedStyle(document.getElementById(location.hash.slice(1))).visibility`)
	b.Shoot("check")

	// A failed check shows its frames' way at once, a passed one on a click.
	b.Want("true", `document.getElementById(%q).querySelector(".seq svg").getBoundingClientRect().width > 300`, check("way"))
	b.Want("false", `document.getElementById(%q).querySelector("details").open`, check("way-passed"))
	b.Do(chromedp.Click(chromedp.CSS("#" + check("way-passed") + " summary")))
	b.Do(chromedp.WaitVisible(chromedp.CSS("#" + check("way-passed") + " .seq svg")))
	b.Shoot("way")

	// Cells say what they show, by pointer and by keyboard.
	b.Do(chromedp.Click(chromedp.CSS(`.heat td.m, .heat td.x`)))
	b.Want("c0/eth0 did not get it, though that was expected, from c1/eth0", `document.querySelector(".heatmap output").textContent`)
	b.Shoot("heat")
	b.Eval(`document.querySelector(".heat").focus(); 0`)
	b.Do(chromedp.KeyEvent(kb.ArrowUp))
	b.Want("c0/eth0 was sent none, from c0/eth0", `document.querySelector(".heatmap output").textContent`)
	b.Eval(`{const i = document.querySelector(".heatmap img"); i.scrollIntoView(); const r = i.getBoundingClientRect(), s = r.width / 120;
		i.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: r.left + s / 2, clientY: r.top + s * 1.5})); 0}`)
	b.Want("c0/eth0 did not get it, though that was expected, from c1/eth0", `document.querySelector(".heatmap img").closest(".heatmap").querySelector("output").textContent`)

	filters(t, b, check("way"))
	b.Shoot("filtered")
	b.Quiet()
}

// What passed is packed where it is much, and unpacked on a click.
func TestBrowserUnpacks(t *testing.T) {
	b := browser.New(t)
	r := browsed()
	crowd(r)
	b.Open(htmlOf(t, r), "#"+drawnCheck("way-passed"))
	at := "#" + drawnCheck("way-passed")
	b.Want("0", `document.querySelectorAll("[data-v=pass] .seq").length`)
	b.Do(chromedp.Click(chromedp.CSS(at + " summary")))
	b.Do(chromedp.WaitVisible(chromedp.CSS(at + " .seq svg")))
	b.Want("1", `document.querySelectorAll("[data-v=pass] .seq").length`)
	b.Want("1", `document.querySelectorAll(%q + " details ul").length`, at)
	b.Shoot("unpacked")

	// What is told of many checks takes a script to be seen, and the page says so.
	b.WithoutScript()
	b.Open(htmlOf(t, r), "")
	b.Do(chromedp.WaitVisible(chromedp.CSS("noscript p")))
	b.Want("true", `document.querySelectorAll("[data-v=fail] .seq svg").length > 0`)
	b.Quiet()
}

// crowd adds more checks with frames than a page shows without a script.
func crowd(r *Results) {
	c := trunkCase()
	c.Case = "crowd"
	c.Checks = nil
	for i := range 300 {
		k := wayCheck()
		k.ID, k.Verdict, k.Drops = fmt.Sprint("way-", i), Pass, nil
		c.Checks = append(c.Checks, k)
	}
	r.Cases = append(r.Cases, c)
	r.Summarize()
}

// A matrix of a check that passed is text without the script, and a table with it.
func TestBrowserTabulates(t *testing.T) {
	b := browser.New(t)
	m := square(12)
	m.Observed = m.Expected
	m.From[3] = breakout
	b.Open(htmlOf(t, &Results{Cases: []Case{{Scenario: "s", Case: "c", Checks: []Check{{ID: "m", Title: "who hears whom", Verdict: Pass, Matrices: []Matrix{m}}}}}}), "")
	b.Do(chromedp.Click(chromedp.CSS(".case > summary")), chromedp.WaitVisible(chromedp.CSS("[data-v] summary")))
	b.Do(chromedp.Click(chromedp.CSS("[data-v] summary")), chromedp.WaitVisible(chromedp.CSS(".heat")))
	made := b.Eval(`document.querySelector(".heat").outerHTML`)
	if want := string(m.table()); made != b.Eval(`{const d = document.createElement("div"); d.innerHTML = %q; d.innerHTML}`, want) {
		t.Errorf("the script made\n%s\nof the text, want\n%s", made, want)
	}
	b.Do(chromedp.Click(chromedp.CSS(".heat td.g")))
	b.Want("c2/eth0 got it, as expected, from c0/eth0", `document.querySelector(".heatmap output").textContent`)
	b.Shoot("heat-passed")
	b.Quiet()
}

// filters tries every filter, and a link to what is filtered away.
func filters(t *testing.T, b *browser.Browser, check string) {
	t.Helper()
	shown := `[...document.querySelectorAll("[data-v]")].filter((c) => !c.closest("[hidden]")).length`
	set := func(id, value string) {
		b.Eval(`{const e = document.getElementById(%q); e.value = [...(e.options ?? [])].find((o) => o.textContent === %q)?.value ?? %q; e.dispatchEvent(new Event("input", {bubbles: true})); 0}`, id, value, value)
	}
	all := b.Eval("%s", shown)
	for id, c := range map[string]struct{ value, want string }{
		"f-label": {"only-drawn", "5"}, "f-text": {"gateway is heard nowhere", "0"}, "f-kernel": {hostKernel, ""}, "f-claim": {"ipvlan-one-mac", "1"},
	} {
		set(id, c.value)
		got := b.Eval("%s", shown)
		if got == all || c.want != "" && got != c.want {
			t.Errorf("%s=%s leaves %s of %s checks, want %s", id, c.value, got, all, c.want)
		}
		set(id, "")
		b.Want(all, "%s", shown)
	}
	b.Do(chromedp.Click(chromedp.CSS(`#filter [value=fail]`)))
	b.Want("0", `[...document.querySelectorAll("[data-v=fail]")].filter((c) => !c.closest("[hidden]")).length`)
	b.Eval(`new Promise((done) => { addEventListener("hashchange", () => setTimeout(done)); location.hash = %q })`, check)
	b.Want(all, "%s", shown)
}

// Whatever got into the page in spite of all, its policy would not let it run.
func TestBrowserRunsNothingElse(t *testing.T) {
	b := browser.New(t)
	b.Open(bytes.Replace(htmlOf(t, browsed()), []byte("<main>"), []byte(`<main><script>window.ran = 1</script><img src="data:x" onerror="window.ran = 2">`), 1), "")
	b.Want("undefined", `typeof window.ran`)
	b.Want("script-src-elem", `new Promise((done) => {
		document.addEventListener("securitypolicyviolation", (e) => done(e.effectiveDirective));
		document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 3"}));
	})`)
	b.Want("undefined", `typeof window.ran`)
}

// Without its script the page shows the same, and what it cannot offer it hides.
func TestBrowserWithoutScript(t *testing.T) {
	b := browser.New(t)
	b.WithoutScript()
	b.Open(htmlOf(t, browsed()), "")
	// The console still evaluates, as it is not the page's.
	b.Want("true", `document.getElementById("filter").hidden`)
	b.Want("true", `document.querySelectorAll(".seq svg").length >= 2`)
	b.Want("true", `document.querySelector(".heatmap img").complete && document.querySelector(".heatmap img").naturalWidth === 120`)
	b.Want("true", `document.querySelectorAll("[data-v=pass] .seq svg").length > 0`)
	b.Want("0", `document.querySelectorAll("noscript p").length`)
	b.Quiet()
}

func TestBrowserLooks(t *testing.T) {
	b := browser.New(t)
	content := htmlOf(t, browsed())
	background := `getComputedStyle(document.body).backgroundColor`
	b.Open(content, "")
	light := b.Eval("%s", background)
	b.Shoot("light")
	b.Dark(true)
	if dark := b.Eval("%s", background); dark == light {
		t.Errorf("the page is %s in the dark, too", dark)
	}
	b.Shoot("dark")
	b.Eval(`document.getElementById(%q).scrollIntoView(); 0`, drawnCheck("way"))
	b.Shoot("dark-way")
	b.Dark(false)
	b.Do(chromedp.EmulateViewport(390, 844))
	b.Want("true", `document.documentElement.scrollWidth <= innerWidth`)
	b.Shoot("narrow-way")
	b.Eval(`scrollTo(0, 0); 0`)
	b.Shoot("narrow")
	b.Print("print")
	b.Quiet()
}

// BenchmarkBrowserLarge opens a page of 10,000 checks and a million cells, and tells
// when it could be used: loaded, its script run, and drawn once.
func BenchmarkBrowserLarge(b *testing.B) {
	c := browser.New(b)
	content := htmlOf(b, large(10_000))
	var ready, filter, cell float64
	for b.Loop() {
		c.Open(content, "")
		c.Eval(`new Promise((done) => requestAnimationFrame(() => setTimeout(() => { window.ready = performance.now(); done(0); })))`)
		ready += number(b, c.Eval(`window.ready`))
		filter += number(b, c.Eval(`{const at = performance.now(), f = document.getElementById("f-text"); f.value = "reaches b10";
			f.dispatchEvent(new Event("input", {bubbles: true})); document.body.offsetHeight; performance.now() - at}`))
		cell += number(b, c.Eval(`{const at = performance.now(), i = document.querySelector(".heatmap img"); document.getElementById("filter").reset();
			for (let d = i; d; d = d.parentElement) if (d.localName === "details") d.open = true;
			i.scrollIntoView(); const r = i.getBoundingClientRect();
			i.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: Math.ceil(r.left + 10), clientY: Math.ceil(r.top + 20)})); performance.now() - at}`))
	}
	c.Want("c10/eth0 got it, as expected, from c20/eth0", `document.querySelector(".heatmap output").textContent`)
	c.Shoot("million")
	n := float64(b.N)
	b.ReportMetric(float64(len(content))/1e6, "MB")
	b.ReportMetric(ready/n, "ms-interactive")
	b.ReportMetric(filter/n, "ms-filter")
	b.ReportMetric(cell/n, "ms-cell")
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBrowserCompare(t *testing.T) {
	b := browser.New(t)
	b.Open(render(t, func(w *bytes.Buffer) error { return Compare(rich(), later()).WriteHTML(w) }), "")
	b.Want("true", `document.documentElement.scrollWidth <= innerWidth`)
	b.Want("2", `document.querySelector(".change .sides").children.length`)
	b.Shoot("compare")
	b.Quiet()
}

// A matrix of 30 is a table, and fits a page.
func TestBrowserHeatmap(t *testing.T) {
	b := browser.New(t)
	m := square(30)
	b.Open(htmlOf(t, &Results{Cases: []Case{{Scenario: "s", Case: "c", Checks: []Check{{ID: "m", Title: "who hears whom", Verdict: Fail, Matrices: []Matrix{m}}}}}}), "#"+checkAnchor("c", (&Case{}).place(), "m"))
	b.Want("900", `document.querySelectorAll(".heat tbody td").length`)
	b.Want("true", `document.querySelector(".heat").getBoundingClientRect().width < 1000`)
	b.Eval(`document.querySelector(".heat").scrollIntoView(); 0`)
	b.Shoot("heat-30")
	b.Quiet()
}
