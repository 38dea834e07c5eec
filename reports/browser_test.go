package reports

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a real Chromium without a window, and what it complained about.
type browser struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// chromium starts a browser, or skips the test where there is none.
func chromium(t testing.TB) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("this needs Debian's chromium: %v", err)
	}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"),
		chromedp.WSURLReadTimeout(2*time.Minute)))
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until it is gone, and its folder with it
		cancel()
	})
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	call(b, log.Enable, cdp.Empty{})
	b.do(chromedp.EmulateViewport(1200, 900))
	return b
}

// listen notes what must not happen in any page: errors, violations of the policy,
// dialogs.
func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *cdpage.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "a dialog: "+e.Message)
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// get is what an action finds out.
func get[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// call gives the browser a command of its protocol.
func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, cmd, params); err != nil {
		b.t.Fatal(err)
	}
}

// open loads a page from a file of its own; fragment may be empty.
func (b *browser) open(content []byte, fragment string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "report.html")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Navigate("file://" + path + fragment))
}

// eval returns what an expression is in the page, as text.
func (b *browser) eval(format string, args ...any) string {
	b.t.Helper()
	return fmt.Sprint(get(b, chromedp.Evaluate[any](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise)))
}

func (b *browser) want(want, format string, args ...any) {
	b.t.Helper()
	if got := b.eval(format, args...); got != want {
		b.t.Errorf("%s is %q, want %q", fmt.Sprintf(format, args...), got, want)
	}
}

// quiet fails the test if the browser complained.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser says: %s", c)
	}
}

// shoot leaves a screenshot in the folder that LANPROOF_SHOTS names, for people to
// look at.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("LANPROOF_SHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), get(b, chromedp.CaptureScreenshot()), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

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
	b := chromium(t)
	content := htmlOf(t, browsed())
	check := drawnCheck

	b.open(content, "#"+check("way-passed"))
	b.want("true", `document.getElementById(location.hash.slice(1)).closest("details").open`)
	b.want("visible", `getComputedStyle(document.getElementById(location.hash.slice(1))).visibility`)
	b.shoot("check")

	// A failed check shows its frames' way at once, a passed one on a click.
	b.want("true", `document.getElementById(%q).querySelector(".seq svg").getBoundingClientRect().width > 300`, check("way"))
	b.want("false", `document.getElementById(%q).querySelector("details").open`, check("way-passed"))
	b.do(chromedp.Click(chromedp.CSS("#" + check("way-passed") + " summary")))
	b.do(chromedp.WaitVisible(chromedp.CSS("#" + check("way-passed") + " .seq svg")))
	b.shoot("way")

	// Cells say what they show, by pointer and by keyboard.
	b.do(chromedp.Click(chromedp.CSS(`.heat td.m, .heat td.x`)))
	b.want("c0/eth0 did not get it, though that was expected, from c1/eth0", `document.querySelector(".heatmap output").textContent`)
	b.shoot("heat")
	b.eval(`document.querySelector(".heat").focus(); 0`)
	b.do(chromedp.KeyEvent(kb.ArrowUp))
	b.want("c0/eth0 was sent none, from c0/eth0", `document.querySelector(".heatmap output").textContent`)
	b.eval(`{const i = document.querySelector(".heatmap img"); i.scrollIntoView(); const r = i.getBoundingClientRect(), s = r.width / 120;
		i.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: r.left + s / 2, clientY: r.top + s * 1.5})); 0}`)
	b.want("c0/eth0 did not get it, though that was expected, from c1/eth0", `document.querySelector(".heatmap img").closest(".heatmap").querySelector("output").textContent`)

	b.filters(check("way"))
	b.shoot("filtered")
	b.quiet()
}

// What passed is packed where it is much, and unpacked on a click.
func TestBrowserUnpacks(t *testing.T) {
	b := chromium(t)
	r := browsed()
	crowd(r)
	b.open(htmlOf(t, r), "#"+drawnCheck("way-passed"))
	at := "#" + drawnCheck("way-passed")
	b.want("0", `document.querySelectorAll("[data-v=pass] .seq").length`)
	b.do(chromedp.Click(chromedp.CSS(at + " summary")))
	b.do(chromedp.WaitVisible(chromedp.CSS(at + " .seq svg")))
	b.want("1", `document.querySelectorAll("[data-v=pass] .seq").length`)
	b.want("1", `document.querySelectorAll(%q + " details ul").length`, at)
	b.shoot("unpacked")

	// What is told of many checks takes a script to be seen, and the page says so.
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(htmlOf(t, r), "")
	b.do(chromedp.WaitVisible(chromedp.CSS("noscript p")))
	b.want("true", `document.querySelectorAll("[data-v=fail] .seq svg").length > 0`)
	b.quiet()
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
	b := chromium(t)
	m := square(12)
	m.Observed = m.Expected
	m.From[3] = breakout
	b.open(htmlOf(t, &Results{Cases: []Case{{Scenario: "s", Case: "c", Checks: []Check{{ID: "m", Title: "who hears whom", Verdict: Pass, Matrices: []Matrix{m}}}}}}), "")
	b.do(chromedp.Click(chromedp.CSS(".case > summary")), chromedp.WaitVisible(chromedp.CSS("[data-v] summary")))
	b.do(chromedp.Click(chromedp.CSS("[data-v] summary")), chromedp.WaitVisible(chromedp.CSS(".heat")))
	made := b.eval(`document.querySelector(".heat").outerHTML`)
	if want := string(m.table()); made != b.eval(`{const d = document.createElement("div"); d.innerHTML = %q; d.innerHTML}`, want) {
		t.Errorf("the script made\n%s\nof the text, want\n%s", made, want)
	}
	b.do(chromedp.Click(chromedp.CSS(".heat td.g")))
	b.want("c2/eth0 got it, as expected, from c0/eth0", `document.querySelector(".heatmap output").textContent`)
	b.shoot("heat-passed")
	b.quiet()
}

// filters tries every filter, and a link to what is filtered away.
func (b *browser) filters(check string) {
	b.t.Helper()
	shown := `[...document.querySelectorAll("[data-v]")].filter((c) => !c.closest("[hidden]")).length`
	set := func(id, value string) {
		b.eval(`{const e = document.getElementById(%q); e.value = [...(e.options ?? [])].find((o) => o.textContent === %q)?.value ?? %q; e.dispatchEvent(new Event("input", {bubbles: true})); 0}`, id, value, value)
	}
	all := b.eval("%s", shown)
	for id, c := range map[string]struct{ value, want string }{
		"f-label": {"only-drawn", "5"}, "f-text": {"gateway is heard nowhere", "0"}, "f-kernel": {hostKernel, ""}, "f-claim": {"ipvlan-one-mac", "1"},
	} {
		set(id, c.value)
		got := b.eval("%s", shown)
		if got == all || c.want != "" && got != c.want {
			b.t.Errorf("%s=%s leaves %s of %s checks, want %s", id, c.value, got, all, c.want)
		}
		set(id, "")
		b.want(all, "%s", shown)
	}
	b.do(chromedp.Click(chromedp.CSS(`#filter [value=fail]`)))
	b.want("0", `[...document.querySelectorAll("[data-v=fail]")].filter((c) => !c.closest("[hidden]")).length`)
	b.eval(`new Promise((done) => { addEventListener("hashchange", () => setTimeout(done)); location.hash = %q })`, check)
	b.want(all, "%s", shown)
}

// Without its script the page shows the same, and what it cannot offer it hides.
func TestBrowserWithoutScript(t *testing.T) {
	b := chromium(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(htmlOf(t, browsed()), "")
	// The console still evaluates, as it is not the page's.
	b.want("true", `document.getElementById("filter").hidden`)
	b.want("true", `document.querySelectorAll(".seq svg").length >= 2`)
	b.want("true", `document.querySelector(".heatmap img").complete && document.querySelector(".heatmap img").naturalWidth === 120`)
	b.want("true", `document.querySelectorAll("[data-v=pass] .seq svg").length > 0`)
	b.want("0", `document.querySelectorAll("noscript p").length`)
	b.quiet()
}

func TestBrowserLooks(t *testing.T) {
	b := chromium(t)
	content := htmlOf(t, browsed())
	background := `getComputedStyle(document.body).backgroundColor`
	b.open(content, "")
	light := b.eval("%s", background)
	b.shoot("light")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	if dark := b.eval("%s", background); dark == light {
		t.Errorf("the page is %s in the dark, too", dark)
	}
	b.shoot("dark")
	b.eval(`document.getElementById(%q).scrollIntoView(); 0`, drawnCheck("way"))
	b.shoot("dark-way")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	b.do(chromedp.EmulateViewport(390, 844))
	b.want("true", `document.documentElement.scrollWidth <= innerWidth`)
	b.shoot("narrow-way")
	b.eval(`scrollTo(0, 0); 0`)
	b.shoot("narrow")
	backgrounds := true
	pdf := get(b, chromedp.PrintToPDF(func(p *cdpage.PrintToPDFParams) { p.PrintBackground = &backgrounds }))
	if !strings.HasPrefix(string(pdf), "%PDF-") {
		t.Errorf("%d bytes that are no PDF", len(pdf))
	}
	if dir := os.Getenv("LANPROOF_SHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "print.pdf"), pdf, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.quiet()
}

// BenchmarkBrowserLarge opens a page of 10,000 checks and a million cells, and tells
// when it could be used: loaded, its script run, and drawn once.
func BenchmarkBrowserLarge(b *testing.B) {
	c := chromium(b)
	content := htmlOf(b, large(10_000))
	var ready, filter, cell float64
	for b.Loop() {
		c.open(content, "")
		c.eval(`new Promise((done) => requestAnimationFrame(() => setTimeout(() => { window.ready = performance.now(); done(0); })))`)
		ready += number(b, c.eval(`window.ready`))
		filter += number(b, c.eval(`{const at = performance.now(), f = document.getElementById("f-text"); f.value = "gateway";
			f.dispatchEvent(new Event("input", {bubbles: true})); document.body.offsetHeight; performance.now() - at}`))
		cell += number(b, c.eval(`{const at = performance.now(), i = document.querySelector(".heatmap img"); document.getElementById("filter").reset();
			for (let d = i; d; d = d.parentElement) if (d.localName === "details") d.open = true;
			i.scrollIntoView(); const r = i.getBoundingClientRect();
			i.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: Math.ceil(r.left + 10), clientY: Math.ceil(r.top + 20)})); performance.now() - at}`))
	}
	c.want("c10/eth0 got it, as expected, from c20/eth0", `document.querySelector(".heatmap output").textContent`)
	c.shoot("million")
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
	b := chromium(t)
	b.open(render(t, func(w *bytes.Buffer) error { return Compare(rich(), later()).WriteHTML(w) }), "")
	b.want("true", `document.documentElement.scrollWidth <= innerWidth`)
	b.want("2", `document.querySelector(".change .sides").children.length`)
	b.shoot("compare")
	b.quiet()
}

// A matrix of 30 is a table, and fits a page.
func TestBrowserHeatmap(t *testing.T) {
	b := chromium(t)
	m := square(30)
	b.open(htmlOf(t, &Results{Cases: []Case{{Scenario: "s", Case: "c", Checks: []Check{{ID: "m", Title: "who hears whom", Verdict: Fail, Matrices: []Matrix{m}}}}}}), "#"+checkAnchor("c", (&Case{}).place(), "m"))
	b.want("900", `document.querySelectorAll(".heat tbody td").length`)
	b.want("true", `document.querySelector(".heat").getBoundingClientRect().width < 1000`)
	b.eval(`document.querySelector(".heat").scrollIntoView(); 0`)
	b.shoot("heat-30")
	b.quiet()
}
