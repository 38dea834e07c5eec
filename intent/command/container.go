package command

import (
	"strings"

	"github.com/lanproof/lanproof/intent"
)

// run reads docker run, docker create and podman's.
func (e *engine) run(ws []word) {
	_, _, t := tables(e.podman)
	a := t.parse(ws, 1)
	if _, ok := a.get("help"); ok || e.sentence(&a, 1) {
		return
	}
	if len(a.rest) == 0 {
		e.problems("", &a)
		e.problem("", problem{e.cmd, "'" + string(e.kind) + " run' requires at least 1 argument"})
		return
	}
	name, ok := e.containerName(&a)
	if !ok || !e.making(e.cmd.at) {
		return
	}
	e.made = name
	e.problems(name, &a)
	ep := intent.Endpoint{Name: name, Engine: e.kind, Place: e.cmd.at}
	e.networks(&ep, &a)
	for _, w := range a.all("publish") {
		e.values(name, "publish", w, &ep.Ports)
	}
	if w, ok := a.get("publish-all"); ok {
		ep.Ports = append(ep.Ports, intent.Value{Text: "all", Place: w.at})
	}
	for _, w := range a.all("expose") {
		e.values(name, "expose", w, &ep.Expose)
	}
	ep.Sysctls = e.options(name, a.all("sysctl"))
	e.now.Endpoints = append(e.now.Endpoints, ep)
	if e.brief == nil {
		e.brief = map[string]bool{}
	}
	e.brief[name] = a.is("rm")
	if e.once && a.is("rm") && !a.is("detach") {
		e.removeEndpoints(func(x *intent.Endpoint) bool { return x.Name == name })
	}
}

func (e *engine) values(of, part string, w word, to *[]intent.Value) {
	if v := e.value(of, part, w, true); v.Set() {
		*to = append(*to, v)
	}
}

// containerName is the name that was given, or one made of the image's; false is a name
// that is taken.
func (e *engine) containerName(a *args) (string, bool) {
	w, ok := a.get("name")
	if !ok || w.text == "" {
		return e.freeName(imageName(a.rest[0].symbol())), true
	}
	name := e.name("", "", w)
	if a.is("replace") {
		e.removeEndpoints(func(x *intent.Endpoint) bool { return x.Name == name })
	}
	if e.endpoint(name) == nil {
		return name, true
	}
	if !e.tolerated && w.known() {
		// moby daemon/names.go; containers/storage errors.go
		why := `Conflict. The container name "/` + name + `" is already in use`
		if e.podman {
			why = `the container name "` + name + `" is already in use`
		}
		e.problem(name, problem{w, why})
	}
	return name, false
}

// imageName is the last part of an image's name, without tag and digest.
func imageName(image string) string {
	image = image[strings.LastIndex(image, "/")+1:]
	if i := strings.IndexAny(image, ":@"); i > 0 {
		image = image[:i]
	}
	if image == "" {
		return "container"
	}
	return image
}

// networks reads what a container is put on.
func (e *engine) networks(ep *intent.Endpoint, a *args) {
	at := e.attachment(ep.Name, a)
	var link []intent.Value
	for _, w := range a.all("link-local-ip") {
		e.values(ep.Name, "link-local-ip", w, &link)
	}
	var nets []word
	for _, f := range a.flags {
		if f.name == "network" || f.name == "net" {
			nets = append(nets, f.value)
		}
	}
	if w, ok := a.get("pod"); ok && len(nets) == 0 {
		ep.Mode = intent.Value{Text: "container:" + e.name(ep.Name, "pod", w), Place: w.at}
		return
	}
	for _, w := range nets {
		e.onNetwork(ep, w)
	}
	if ep.Mode.Set() {
		return
	}
	if len(ep.Attach) == 0 {
		ep.Attach = []intent.Attachment{{Network: e.ownNetwork()}}
	}
	// The first network is what the flags without a network's name are about (docker/cli
	// cli/command/container/opts.go:applyContainerOptions).
	first := &ep.Attach[0]
	for _, v := range []struct{ to, from *intent.Value }{
		{&first.IP, &at.IP}, {&first.IP6, &at.IP6}, {&first.MAC, &at.MAC},
	} {
		if !v.to.Set() {
			*v.to = *v.from
		}
	}
	first.LinkLocal = append(first.LinkLocal, link...)
}

// ownNetwork is the network that the engine itself has.
func (e *engine) ownNetwork() string {
	if e.podman {
		return "podman"
	}
	return "bridge"
}

// long is docker's long form of --network (docker/cli opts/network.go:Set).
var long = lazy(`\w+=\w+(,\w+=\w+)*`)

// onNetwork reads one --network.
func (e *engine) onNetwork(ep *intent.Endpoint, w word) {
	switch name, _, _ := strings.Cut(w.text, ":"); {
	case e.podman && (name == "slirp4netns" || name == "pasta" || name == "private" || name == "ns"),
		w.text == "host", w.text == "none", name == "container":
		ep.Mode = intent.Value{Text: w.symbol(), Place: w.at}
		if !w.known() {
			e.gap(ep.Name, "network", w)
		}
	case e.podman:
		e.podmanAttach(ep, w)
	case long().MatchString(w.text) || strings.HasPrefix(w.text, "name="):
		e.longAttach(ep, w)
	case w.text == "default":
		ep.Attach = append(ep.Attach, intent.Attachment{Network: "bridge", Place: w.at})
	default:
		ep.Attach = append(ep.Attach, intent.Attachment{Network: e.name(ep.Name, "network", w), Place: w.at})
	}
}

// longAttach reads name=NETWORK,ip=...,...
func (e *engine) longAttach(ep *intent.Endpoint, w word) {
	at := intent.Attachment{Place: w.at}
	for _, field := range w.list(",") {
		// A field that holds an "=" of its own may stand in quotes, as CSV has it.
		field.text = strings.Trim(field.text, `" `)
		k, v, ok := field.split("=")
		v.text = strings.TrimSpace(v.text)
		set := map[string]*intent.Value{
			"ip": &at.IP, "ip6": &at.IP6, "mac-address": &at.MAC, "gw-priority": &at.GatewayPriority,
		}[k.text]
		switch {
		case !ok:
			e.problem(ep.Name, problem{field, "invalid field " + field.symbol()})
		case k.text == "name":
			at.Network, at.Place = e.name(ep.Name, "network", v), v.at
		case set != nil:
			*set = e.value(ep.Name, k.text, v, true)
		case k.text == "link-local-ip":
			e.values(ep.Name, k.text, v, &at.LinkLocal)
		case k.text == "driver-opt":
			at.Options = append(at.Options, e.options(ep.Name, []word{v})...)
		case k.text != "alias":
			e.problem(ep.Name, problem{field, "invalid field key " + k.symbol()})
		}
	}
	if at.Network == "" {
		e.problem(ep.Name, problem{w, "network name/id is not specified"})
		return
	}
	at.Name = deviceName(at.Options)
	ep.Attach = append(ep.Attach, at)
}

// deviceName is the device's name in the container, where an option asks for one (moby
// daemon/libnetwork/netlabel/labels.go:Ifname).
func deviceName(options []intent.Option) intent.Value {
	for _, o := range options {
		if o.Key == "com.docker.network.endpoint.ifname" {
			return o.Value
		}
	}
	return intent.Value{}
}

// podmanAttach reads NETWORK[:ip=...,mac=...] and NETWORK,NETWORK (containers/podman
// pkg/specgen/namespaces.go:ParseNetworkFlag).
func (e *engine) podmanAttach(ep *intent.Endpoint, w word) {
	name, options, ok := w.split(":")
	if !ok {
		for _, n := range w.list(",") {
			e.podmanOn(ep, n)
		}
		return
	}
	at := e.podmanOn(ep, name)
	for _, field := range options.list(",") {
		k, v, _ := field.split("=")
		switch k.text {
		case "ip":
			if to := &at.IP; strings.Contains(v.text, ":") {
				at.IP6 = e.value(ep.Name, "ip6", v, true)
			} else {
				*to = e.value(ep.Name, "ip", v, true)
			}
		case "ip6":
			at.IP6 = e.value(ep.Name, "ip6", v, true)
		case "mac":
			at.MAC = e.value(ep.Name, "mac-address", v, true)
		case "interface_name":
			at.Name = e.value(ep.Name, "interface_name", v, true)
		case "alias":
		default:
			at.Options = append(at.Options, e.options(ep.Name, []word{field})...)
		}
	}
}

// podmanOn adds an attachment; bridge is the network that podman itself has.
func (e *engine) podmanOn(ep *intent.Endpoint, w word) *intent.Attachment {
	name := e.name(ep.Name, "network", w)
	if name == "bridge" {
		name = e.ownNetwork()
	}
	ep.Attach = append(ep.Attach, intent.Attachment{Network: name, Place: w.at})
	return &ep.Attach[len(ep.Attach)-1]
}

// createPod reads podman pod create: a pod has the network that its containers share.
func (e *engine) createPod(ws []word) {
	t := table{podmanRunBools + " infra share-parent", podmanRunValues + " n=name infra-command infra-conmon-pidfile infra-image infra-name share exit-policy", false}
	a := t.parse(ws, 0)
	name := ""
	if w, ok := a.get("name"); ok {
		name = e.name("", "", w)
	} else if len(a.rest) > 0 {
		name = e.name("", "", a.rest[0])
	} else {
		name = e.freeName("pod")
	}
	if e.endpoint(name) != nil || !e.making(e.cmd.at) {
		return
	}
	ep := intent.Endpoint{Name: name, Engine: e.kind, Place: e.cmd.at}
	e.networks(&ep, &a)
	for _, w := range a.all("publish") {
		e.values(name, "publish", w, &ep.Ports)
	}
	e.made = name
	e.now.Endpoints = append(e.now.Endpoints, ep)
}

// removeContainers reads docker rm, and docker stop and kill for those that were started
// with --rm.
func (e *engine) removeContainers(ws []word, stop bool) {
	a := table{"f=force l=link v=volumes help a=all i=ignore depend", "t=time s=signal timeout", true}.parse(ws, 1)
	// docker rm $(docker ps -aq) is about all of them.
	all := a.is("all")
	e.stopped = e.stopped || stop
	for _, w := range a.rest {
		all = all || strings.Contains(w.src, "ps -") && !w.known()
	}
	e.removeEndpoints(func(x *intent.Endpoint) bool {
		return (all || named(a.rest, x.Name)) && (!stop || e.brief[x.Name])
	})
}
