package sim

// vulnerability is a known weakness of a software package.
type vulnerability struct {
	id, name, version, fixed string
	manager                  string // OS: package manager of the system
	severity                 string // CRITICAL … LOW
	score                    float64
	exploit                  bool
}

// vulnerabilities holds well-known ones, with what their public records say.
var vulnerabilities = []vulnerability{
	{"CVE-2021-44228", "log4j-core", "2.14.1", "2.15.0", "JAR", "CRITICAL", 10.0, true},
	{"CVE-2022-22965", "spring-beans", "5.3.17", "5.3.18", "JAR", "CRITICAL", 9.8, true},
	{"CVE-2024-3094", "xz-utils", "5.6.0", "5.6.1+really5.4.5", "OS", "CRITICAL", 10.0, true},
	{"CVE-2023-38545", "curl", "8.3.0", "8.4.0", "OS", "CRITICAL", 9.8, true},
	{"CVE-2022-37434", "zlib", "1.2.11", "1.2.13", "OS", "CRITICAL", 9.8, false},
	{"CVE-2022-40674", "expat", "2.4.8", "2.4.9", "OS", "HIGH", 8.1, false},
	{"CVE-2023-44487", "golang.org/x/net", "0.15.0", "0.17.0", "GOBINARY", "HIGH", 7.5, true},
	{"CVE-2022-0778", "openssl", "1.1.1k", "1.1.1n", "OS", "HIGH", 7.5, false},
	{"CVE-2022-3602", "openssl", "3.0.5", "3.0.7", "OS", "HIGH", 7.5, true},
	{"CVE-2021-4034", "polkit", "0.112", "0.120", "OS", "HIGH", 7.8, true},
	{"CVE-2023-4911", "glibc", "2.34", "2.38", "OS", "HIGH", 7.8, true},
	{"CVE-2024-6387", "openssh-server", "9.6p1", "9.8p1", "OS", "HIGH", 8.1, true},
	{"CVE-2024-2961", "glibc", "2.36", "2.39", "OS", "HIGH", 7.3, true},
	{"CVE-2022-1271", "gzip", "1.10", "1.12", "OS", "HIGH", 8.8, false},
	{"CVE-2021-3156", "sudo", "1.8.31", "1.9.5p2", "OS", "HIGH", 7.8, true},
	{"CVE-2023-0286", "openssl", "1.1.1s", "1.1.1t", "OS", "HIGH", 7.4, false},
	{"CVE-2021-23337", "lodash", "4.17.20", "4.17.21", "NODEPKG", "HIGH", 7.2, false},
	{"CVE-2023-32681", "requests", "2.28.1", "2.31.0", "PYTHONPKG", "MEDIUM", 6.1, false},
	{"CVE-2023-43804", "urllib3", "1.26.9", "1.26.17", "PYTHONPKG", "MEDIUM", 5.9, false},
	{"CVE-2023-48795", "openssh-server", "9.3p1", "9.6p1", "OS", "MEDIUM", 5.9, true},
	{"CVE-2023-5678", "openssl", "3.0.8", "3.0.13", "OS", "MEDIUM", 5.3, false},
	{"CVE-2023-39325", "stdlib", "1.20.9", "1.20.10", "GOBINARY", "HIGH", 7.5, false},
	{"CVE-2023-45853", "zlib", "1.2.13", "1.3.1", "OS", "CRITICAL", 9.8, false},
	{"CVE-2023-29491", "ncurses", "6.2", "6.4", "OS", "HIGH", 7.8, false},
	{"CVE-2020-28469", "glob-parent", "5.1.1", "5.1.2", "NODEPKG", "HIGH", 7.5, false},
	{"CVE-2022-25883", "semver", "7.3.7", "7.5.2", "NODEPKG", "HIGH", 7.5, false},
	{"CVE-2023-36665", "protobufjs", "7.2.3", "7.2.4", "NODEPKG", "CRITICAL", 9.8, false},
	{"CVE-2016-2781", "coreutils", "8.32", "", "OS", "LOW", 3.9, false},
	{"CVE-2022-3219", "gnupg2", "2.2.40", "", "OS", "LOW", 3.3, false},
	{"CVE-2018-20657", "gcc", "10.2.1", "", "OS", "LOW", 2.9, false},
}

const logging = 0 // the place of the weakness that everybody remembers

func (v vulnerability) url() string { return "https://nvd.nist.gov/vuln/detail/" + v.id }

func (v vulnerability) title() string { return v.id + " - " + v.name }

func (v vulnerability) description() string {
	return "Version " + v.version + " of " + v.name + " is affected by " + v.id + "."
}

func (v vulnerability) vector() string { return "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }
