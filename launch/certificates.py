"""A private authority and certificates for a private broker and its devices (X.509, EC P-256)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from launch.engines.tls import CA, CA_KEY, SERVER, SERVER_KEY
from telemetry.errors import ConfigError, ConflictError

_CA_DAYS = 3_650
_LEAF_DAYS = 825
"""What browsers and phones take at most for a private authority's certificate; brokers' makers follow."""


def make_authority(folder: Path) -> None:
    """Make an authority in the folder.

    Raises
    ------
    ConflictError
        Where there is one: certificates in the field were signed by it.
    """
    if (folder / CA_KEY).exists():
        raise ConflictError(f"{folder / CA_KEY} is there already")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("CityOps private authority")
    builder = (
        _builder(name, name, key.public_key(), _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    _write(folder / CA_KEY, _key_pem(key))
    _write(folder / CA, _pem(builder.sign(key, hashes.SHA256())))


def make_server(folder: Path, hosts: Sequence[str]) -> None:
    """Make the broker's certificate for its names and addresses, signed by the folder's authority."""
    names = [_host(host) for host in hosts]
    _issue(folder, hosts[0], folder / SERVER, folder / SERVER_KEY, ExtendedKeyUsageOID.SERVER_AUTH, names)


def make_client(folder: Path, device_id: str) -> tuple[Path, Path]:
    """Make a device's certificate, its id as the common name; where the certificate and the key are."""
    certificate, key = folder / f"{device_id}.pem", folder / f"{device_id}-key.pem"
    _issue(folder, device_id, certificate, key, ExtendedKeyUsageOID.CLIENT_AUTH, [])
    return certificate, key


def _issue(
    folder: Path,
    name: str,
    certificate: Path,
    key_path: Path,
    purpose: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName],
) -> None:
    try:
        ca = x509.load_pem_x509_certificate((folder / CA).read_bytes())
        ca_key = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no authority in {folder}: {error}", cure="make one with `cityops tls init`"
        ) from error
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(name), ca.subject, key.public_key(), _LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(key_path, _key_pem(key))
    _write(certificate, _pem(builder.sign(ca_key, hashes.SHA256())))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # devices' clocks are behind, too
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
