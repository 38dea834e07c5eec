package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// qmp is a client of QEMU's monitor protocol (qemu: docs/interop/qmp-spec.txt).
// It is synchronous and not safe for concurrent use.
type qmp struct {
	conn   *net.UnixConn
	dec    *json.Decoder
	events []message // those that came before anybody asked for them
}

// message is anything that QEMU says.
type message struct {
	QMP    json.RawMessage `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Status string `json:"status"`
	} `json:"data"`
}

// greet opens the conversation.
func greet(ctx context.Context, conn *net.UnixConn) (*qmp, error) {
	q := &qmp{conn: conn, dec: json.NewDecoder(conn)}
	defer watch(ctx, conn)()
	m, err := q.read()
	if err != nil {
		return nil, fmt.Errorf("talk to qemu: %w", err)
	}
	if m.QMP == nil {
		return nil, errors.New("talk to qemu: no greeting")
	}
	return q, q.call(ctx, "qmp_capabilities", nil)
}

func (q *qmp) read() (message, error) {
	var m message
	err := q.dec.Decode(&m)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// call runs a command and waits for its answer. Files are handed over with it.
func (q *qmp) call(ctx context.Context, command string, args any, files ...*os.File) error {
	defer watch(ctx, q.conn)()
	req, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return fmt.Errorf("qemu command %s: %w", command, err)
	}
	var rights []byte
	for _, f := range files {
		rights = append(rights, unix.UnixRights(int(f.Fd()))...)
	}
	if _, _, err := q.conn.WriteMsgUnix(append(req, '\n'), rights, nil); err != nil {
		return fmt.Errorf("qemu command %s: %w", command, err)
	}
	for {
		m, err := q.read()
		switch {
		case err != nil:
			return fmt.Errorf("qemu command %s: %w", command, err)
		case m.Error != nil:
			return fmt.Errorf("qemu command %s: %s: %s", command, m.Error.Class, m.Error.Desc)
		case m.Event != "":
			q.events = append(q.events, m)
		case m.Return != nil:
			return nil
		}
	}
}

// await waits for an event for which want is true; an error of want ends the wait.
func (q *qmp) await(ctx context.Context, want func(message) (bool, error)) error {
	defer watch(ctx, q.conn)()
	for {
		var m message
		if len(q.events) > 0 {
			m, q.events = q.events[0], q.events[1:]
		} else {
			var err error
			if m, err = q.read(); err != nil {
				return fmt.Errorf("wait for qemu: %w", err)
			}
		}
		if ok, err := want(m); ok || err != nil {
			return err
		}
	}
}

// migrated is for [qmp.await]: the end of a migration, good or bad.
func migrated(m message) (bool, error) {
	if m.Event == "MIGRATION" && m.Data.Status == "failed" {
		return false, errors.New("qemu could not move the machine's state")
	}
	return m.Event == "MIGRATION" && m.Data.Status == "completed", nil
}

// capabilities are what both sides of a migration must have switched on: RAM stays
// in its file, and the end is told by an event.
func (q *qmp) capabilities(ctx context.Context) error {
	type capability struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	return q.call(ctx, "migrate-set-capabilities", map[string]any{
		"capabilities": []capability{{"x-ignore-shared", true}, {"events", true}},
	})
}

// save writes the state of all devices, but no RAM, into the file. The machine
// stands still afterwards, see [qmp.resume].
func (q *qmp) save(ctx context.Context, state *os.File) error {
	if err := q.capabilities(ctx); err != nil {
		return err
	}
	if err := q.call(ctx, "getfd", map[string]string{"fdname": "state"}, state); err != nil {
		return err
	}
	if err := q.call(ctx, "migrate", map[string]string{"uri": "fd:state"}); err != nil {
		return err
	}
	return q.await(ctx, migrated)
}

// resume lets a machine that was saved go on.
func (q *qmp) resume(ctx context.Context) error { return q.call(ctx, "cont", nil) }

// load reads the state of all devices from the file and returns once the machine
// runs.
func (q *qmp) load(ctx context.Context, state *os.File) error {
	if err := q.capabilities(ctx); err != nil {
		return err
	}
	if err := q.call(ctx, "getfd", map[string]string{"fdname": "state"}, state); err != nil {
		return err
	}
	if err := q.call(ctx, "migrate-incoming", map[string]string{"uri": "fd:state"}); err != nil {
		return err
	}
	return q.await(ctx, func(m message) (bool, error) {
		if _, err := migrated(m); err != nil {
			return false, err
		}
		return m.Event == "RESUME", nil
	})
}
