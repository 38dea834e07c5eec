// Package browser lets tests look at pages with a real Chromium. It is used by tests
// alone.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Shots is the environment variable that names a folder for screenshots, for people
// to look at.
const Shots = "LANPROOF_SHOTS"

// Browser is a Chromium without a window, and what it complained about.
type Browser struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// New starts a browser for a test, or skips the test where there is none.
func New(t testing.TB) *Browser {
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
	b := &Browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	Call(b, log.Enable, cdp.Empty{})
	b.Do(chromedp.EmulateViewport(1200, 900))
	return b
}

// listen notes what must not happen in any page: errors, violations of the policy,
// dialogs.
func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *page.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "a dialog: "+e.Message)
	}
}

// Do carries actions out.
func (b *Browser) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// Get is what an action finds out.
func Get[T any](b *Browser, a chromedp.Action[T]) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// Call gives the browser a command of its protocol.
func Call[P, R any](b *Browser, cmd cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, cmd, params); err != nil {
		b.t.Fatal(err)
	}
}

// Open loads a page from a file of its own; fragment may be empty.
func (b *Browser) Open(content []byte, fragment string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "report.html")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.Do(chromedp.Navigate("file://" + path + fragment))
}

// Eval returns what an expression is in the page, as text.
func (b *Browser) Eval(format string, args ...any) string {
	b.t.Helper()
	return fmt.Sprint(Get(b, chromedp.Evaluate[any](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise)))
}

// Want fails the test if an expression is something else in the page.
func (b *Browser) Want(want, format string, args ...any) {
	b.t.Helper()
	if got := b.Eval(format, args...); got != want {
		b.t.Errorf("%s is %q, want %q", fmt.Sprintf(format, args...), got, want)
	}
}

// Dark looks at the page in the dark, or in the light again.
func (b *Browser) Dark(dark bool) {
	b.t.Helper()
	var features []*emulation.MediaFeature
	if dark {
		features = []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
	}
	Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// WithoutScript opens pages without running their scripts; what tests evaluate is not
// the page's.
func (b *Browser) WithoutScript() {
	b.t.Helper()
	Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// Quiet fails the test if the browser complained.
func (b *Browser) Quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser says: %s", c)
	}
}

// Shoot leaves a screenshot in the folder that Shots names.
func (b *Browser) Shoot(name string) {
	b.t.Helper()
	b.keep(name+".png", func() []byte { return Get(b, chromedp.CaptureScreenshot()) })
}

// Print prints the page, which must work, and leaves it beside the screenshots.
func (b *Browser) Print(name string) {
	b.t.Helper()
	backgrounds := true
	pdf := Get(b, chromedp.PrintToPDF(func(p *page.PrintToPDFParams) { p.PrintBackground = &backgrounds }))
	if !strings.HasPrefix(string(pdf), "%PDF-") {
		b.t.Errorf("%d bytes that are no PDF", len(pdf))
	}
	b.keep(name+".pdf", func() []byte { return pdf })
}

func (b *Browser) keep(name string, content func() []byte) {
	b.t.Helper()
	dir := os.Getenv(Shots)
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), content(), 0o600); err != nil {
		b.t.Fatal(err)
	}
}
