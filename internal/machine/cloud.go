package machine

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// sign is how a provider's machines are known by their firmware's tables.
type sign struct {
	// file under /sys/class/dmi/id, and how its text begins.
	file, begins string
	cloud        string
}

// signs are those that the providers document, or that cloud-init (tools/ds-identify) and
// systemd (src/basic/virt.c) go by. Hyper-V by itself is no sign of Azure, whose machines
// have an asset tag of their own.
var signs = []sign{
	{"sys_vendor", "Amazon EC2", "Amazon EC2"},
	{"bios_vendor", "Amazon EC2", "Amazon EC2"},
	{"product_name", "Google Compute Engine", "Google Cloud"},
	{"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"},
	{"chassis_asset_tag", "OracleCloud.com", "Oracle Cloud"},
	{"sys_vendor", "DigitalOcean", "DigitalOcean"},
	{"sys_vendor", "Hetzner", "Hetzner Cloud"},
	{"sys_vendor", "Vultr", "Vultr"},
	{"sys_vendor", "Linode", "Linode"},
	{"sys_vendor", "Akamai", "Akamai"},
	{"sys_vendor", "Scaleway", "Scaleway"},
	{"sys_vendor", "UpCloud", "UpCloud"},
	{"sys_vendor", "Exoscale", "Exoscale"},
	{"sys_vendor", "Alibaba Cloud", "Alibaba Cloud"},
	{"sys_vendor", "Tencent Cloud", "Tencent Cloud"},
	{"sys_vendor", "OpenStack Foundation", "OpenStack"},
	{"product_name", "OpenStack Nova", "OpenStack"},
	{"product_name", "OpenStack Compute", "OpenStack"},
}

// cloud is the provider that the machine is in; empty when none is known.
func cloud(root string) string {
	texts := map[string]string{}
	for _, s := range signs {
		if _, read := texts[s.file]; !read {
			texts[s.file] = firstLine(filepath.Join("/", root, "sys/class/dmi/id", s.file))
		}
		if strings.HasPrefix(texts[s.file], s.begins) {
			return s.cloud
		}
	}
	return ""
}

// firstLine is the first line of a small file, empty where it cannot be read: machines
// without such tables are common.
func firstLine(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}
