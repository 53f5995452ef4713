package docpath

import (
	"strings"
	"unicode"
)

// VCS tells whether p is, or lies in, the internals of a version control system. They hold hooks and settings
// that run programs, and history that nobody meant to share. Any part counts, in any case.
func VCS(p Path) bool {
	for _, part := range p.Parts() {
		if VCSName(part) {
			return true
		}
	}
	return false
}

// VCSName is VCS for a single name of any origin.
func VCSName(name string) bool {
	name = fold(strings.TrimRight(name, ". "))
	switch name {
	case ".git", ".hg", ".svn", "_svn", ".jj", ".bzr", "cvs", "_darcs", ".pijul", ".sl", ".fslckout", "_fossil_", "_mtn", ".repo":
		return true
	}
	// Windows gives .git the short name GIT~1, .hg HG~1 and so on.
	stem, number, ok := strings.Cut(name, "~")
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
		return false
	}
	switch stem {
	case "git", "hg", "svn", "jj", "bzr", "_darcs", "pijul", "sl":
		return true
	}
	return false
}

// Secret tells whether the name of p, or of a folder on the way to it, is one that usually holds passwords, keys
// or tokens. It looks at names alone and errs on the side of keeping things back: a host can allow a name.
func Secret(p Path) bool {
	parts := p.Parts()
	for i, part := range parts {
		if SecretName(part) {
			return true
		}
		if i > 0 && SecretPlace(parts[i-1], part) {
			return true
		}
	}
	return false
}

// SecretPlace tells whether what is called name is harmless elsewhere, but holds secrets in a folder that is called dir.
func SecretPlace(dir, name string) bool { return secretPlaces[fold(dir)+"/"+fold(name)] }

// SecretName is Secret for a single name of any origin. A backup or swap file looks like what it was made from.
func SecretName(name string) bool {
	name = fold(name)
	for {
		if secretName(name) {
			return true
		}
		shorter := original(name)
		if shorter == name {
			return false
		}
		name = shorter
	}
}

// original takes one mark of a backup, swap or lock file off a name.
func original(name string) string {
	for _, suffix := range backupSuffixes {
		if rest, ok := strings.CutSuffix(name, suffix); ok && rest != "" {
			return rest
		}
	}
	for _, prefix := range []string{".#", "#", ".~", "~$"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return rest
		}
	}
	// Vim's swap file of server.key is .server.key.swp: a dot was put before.
	if rest, ok := strings.CutPrefix(name, "."); ok && strings.Contains(rest, ".") {
		return rest
	}
	return name
}

var backupSuffixes = []string{"~", "#", ".bak", ".bk", ".backup", ".old", ".orig", ".save", ".swp", ".swo", ".tmp", ".copy", ".1", ".rej"}

func secretName(name string) bool {
	if secretNames[name] {
		return true
	}
	for _, prefix := range secretPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, suffix := range secretSuffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return strings.Contains(name, ".tfstate.") || strings.HasSuffix(name, ".json") && accountKey(name)
}

// accountKey knows the files that cloud consoles hand out for a program's own account.
func accountKey(name string) bool {
	for _, word := range []string{"service-account", "service_account", "serviceaccount", "client_secret", "client-secret", "firebase-adminsdk"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// The lists are folded. Each name stands for a tool that keeps a secret there by default.
var (
	secretNames = map[string]bool{
		".aws": true, ".azure": true, ".gnupg": true, ".kube": true, ".ssh": true, ".password-store": true,
		".gcloud": true, ".oci": true, ".doctl": true, ".databrickscfg": true, ".clasprc.json": true, ".sentryclirc": true,
		".dev.vars": true, "local.settings.json": true, ".renviron": true, ".erlang.cookie": true, "wp-config.php": true,
		"kaggle.json": true, "vault.yml": true, "vault.yaml": true, "logins.json": true, "cookies.txt": true, "hudson.util.secret": true,
		"token.json": true, "token.txt": true, ".token": true, ".access_token": true, "api_key.txt": true, "apikey.txt": true,
		".api_key": true, ".apikey": true, "accesskeys.csv": true, "rootkey.csv": true, "mnemonic.txt": true,
		".secret": true, ".secrets": true, ".password": true, ".passwords": true, ".passwd": true, ".passwd-s3fs": true,
		".smbcredentials": true, ".authinfo": true, ".authinfo.gpg": true, "key.properties": true, "keystore.properties": true,
		"wg0.conf": true, "sftp-config.json": true, ".ftpconfig": true, "sitemanager.xml": true, "recentservers.xml": true,
		".mbsyncrc": true, ".offlineimaprc": true, ".getmailrc": true, "fish_history": true, ".viminfo": true,
		"main.shada": true,
		".npmrc":     true, ".netrc": true, "_netrc": true, ".pgpass": true, "pgpass.conf": true, ".pypirc": true,
		".git-credentials": true, ".dockercfg": true, ".dockerconfigjson": true, ".htpasswd": true, ".htdigest": true,
		".my.cnf": true, ".mylogin.cnf": true, ".s3cfg": true, ".boto": true, ".vault-token": true, ".fetchmailrc": true,
		".terraformrc": true, "terraform.rc": true, ".rclone.conf": true, "rclone.conf": true, "kubeconfig": true, "kubeconfig.yml": true,
		"kubeconfig.yaml": true, "kubeconfig.json": true, "kubeconfig.conf": true,
		".xauthority": true, ".iceauthority": true, ".esmtprc": true, ".msmtprc": true,
		".bash_history": true, ".zsh_history": true, ".sh_history": true, ".python_history": true, ".node_repl_history": true,
		".psql_history": true, ".mysql_history": true, ".sqlite_history": true, ".rediscli_history": true, ".irb_history": true,
		"wallet.dat": true, "master.passwd": true, "secring.gpg": true,
		"secrets.json": true, "secrets.yml": true, "secrets.yaml": true, "secrets.toml": true,
		"secrets.env": true, "secrets.ini": true, "secrets.txt": true, "secrets.xml": true, "secret.json": true,
		"secret.yml": true, "secret.yaml": true, "secret.txt": true, "passwords.txt": true, "passwords.csv": true,
		"password.txt": true, "application_default_credentials.json": true, "accesstokens.json": true,
	}
	secretPrefixes = []string{
		".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_xmss", "credentials", ".credentials", ".vault_pass",
		"vault_pass", ".vault-pass", ".vaultpass", "ssh_host_", "krb5cc", "utc--",
	}
	secretSuffixes = []string{
		".pem", ".key", ".p12", ".pfx", ".p8", ".ppk", ".jks", ".jceks", ".keystore", ".bks", ".keytab", ".kdbx", ".kdb",
		".tfstate", ".tfvars", ".tfvars.json", ".env", ".ovpn", ".pkcs12", ".agekey", ".kwallet",
		".keychain", ".keychain-db", ".gpg-key", ".credentials", ".kubeconfig", ".pvk", "_host_key",
		"_credentials", "-credentials", "credentials.csv", "credentials.json", "credentials.txt", "credentials.xml", "credentials.yml", "credentials.yaml",
		"-secret.yml", "-secret.yaml", "-secrets.yml", "-secrets.yaml", "-secret.json", "-secrets.json", "_secrets.yml",
		"_secrets.yaml", ".secret.yaml", ".secrets.yaml",
	}
	// secretPlaces are harmless names that hold secrets in one folder.
	secretPlaces = map[string]bool{
		".docker/config.json": true, ".vscode/sftp.json": true, ".snowsql/config": true, ".dbt/profiles.yml": true,
		"age/keys.txt": true, "huggingface/token": true, ".codex/auth.json": true, "virtualbox/private_key": true,
		"libvirt/private_key": true, "etc/shadow": true, "etc/gshadow": true, "etc/shadow-": true, "etc/gshadow-": true,
		".config/gcloud": true, ".config/gh": true, ".config/hub": true, ".config/op": true,
		".config/rclone": true, ".config/sops": true, ".composer/auth.json": true,
		".m2/settings.xml": true, ".m2/settings-security.xml": true, ".gem/credentials": true, ".bundle/config": true,
		".terraform.d/credentials.tfrc.json": true, ".gradle/gradle.properties": true,
	}
)

// fold brings a name to the form in which every case-insensitive file system sees it, as far as ASCII goes: APFS
// and NTFS take the Kelvin sign for a k and the long s for an s.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 {
			return unicode.ToLower(r)
		}
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if f < 0x80 {
				return unicode.ToLower(f)
			}
		}
		return unicode.ToLower(r)
	}, s)
}
