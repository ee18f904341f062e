"""Certificates that every subject shows and verifies: two authorities, each a root and an issuing intermediate, P-256 all of it."""

import subprocess
from pathlib import Path

CONFIG = """
[req]
distinguished_name = dn
prompt = no
string_mask = utf8only
[dn]
CN = unused
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[issuing]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = URI:{uri},DNS:localhost,IP:127.0.0.1
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = URI:{uri}
2.25.156277466420437934911946389227416826103 = ASN1:UTF8String:{session}
[ca]
default_ca = crl
[crl]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = sha256
crl_extensions = crl_ext
[crl_ext]
authorityKeyIdentifier = keyid
"""


SESSION = "0123456789abcdef0123456789abcdef"


class Pki:
    """Files of one run, in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        for kind in ("user", "server"):
            self._make(f"{kind}-root", f"/CN=bench {kind} root", "root", None)
            self._make(f"{kind}-issuing", f"/CN=bench {kind} issuing", "issuing", f"{kind}-root")
            bundle = self.read(f"{kind}-root.pem") + self.read(f"{kind}-issuing.pem")
            (folder / f"{kind}-ca.pem").write_text(bundle)
        self._make("gateway", "/CN=localhost", "server", "server-issuing", "spiffe://bench.test/gateway/gw1")
        self._make("database", "/CN=localhost", "server", "server-issuing", "spiffe://bench.test/service/pg")
        self._make("login", "/O=analysts/CN=alice", "client", "user-issuing", "spiffe://bench.test/user/alice")
        for name, issuer in (("gateway", "server"), ("database", "server"), ("login", "user")):
            chain = self.read(f"{name}.pem") + self.read(f"{issuer}-issuing.pem")
            (folder / f"{name}-chain.pem").write_text(chain)
            both = folder / f"{name}-both.pem"
            both.write_text(chain + self.read(f"{name}.key"))
            both.chmod(0o600)

    def __truediv__(self, name: str) -> str:
        return str(self.folder / name)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, cwd=self.folder, capture_output=True)

    def _config(self, uri: str = "URI") -> str:
        (self.folder / "openssl.cnf").write_text(CONFIG.format(uri=uri, folder=self.folder, session=SESSION))
        return "openssl.cnf"

    def _make(self, name: str, subject: str, kind: str, issuer: str | None, uri: str = "urn:none") -> None:
        config = self._config(uri)
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
        (self.folder / f"{name}.key").chmod(0o600)
        self._openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-config", config, "-out", f"{name}.csr")
        signer = ["-signkey", f"{name}.key"] if issuer is None else [
            "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-set_serial", "0x" + name.encode().hex()]
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-days", "90", "-sha256", "-extfile", config,
                      "-extensions", kind, "-out", f"{name}.pem", *signer)

    def crl(self, revoked: int) -> str:
        """The path of a CRL with that many serials, none of them the login's."""
        name = f"user-{revoked}.crl"
        if (self.folder / name).exists():
            return self / name
        lines = [f"R\t401231235959Z\t250101000000Z\t{0x1000000 + i:032X}\tunknown\t/CN=gone\n" for i in range(revoked)]
        (self.folder / "index.txt").write_text("".join(lines))
        (self.folder / "crlnumber").write_text("01\n")
        self._openssl("ca", "-gencrl", "-config", self._config(), "-keyfile", "user-issuing.key", "-cert",
                      "user-issuing.pem", "-crldays", "30", "-out", "crl.pem")
        self._openssl("crl", "-in", "crl.pem", "-outform", "DER", "-out", name)
        return self / name
