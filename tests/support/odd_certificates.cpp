#include "support/odd_certificates.hpp"

#include "pki/certificate_builder.hpp"
#include "pki/identity.hpp"

namespace postern::test {

namespace {

using namespace std::chrono_literals;

Result<pki::KeyAndCertificate> make(const OddProfile& profile, const pki::KeyAndCertificate* issuer) {
    Result<pki::PrivateKey> key = pki::PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    pki::CertificateBuilder builder;
    for (const std::string& group : profile.groups) {
        builder.subject(NID_organizationName, group);
    }
    builder.subject(NID_commonName, profile.common_name)
        .validity(profile.not_before, profile.not_after)
        .public_key(key->get())
        .subject_key_identifier()
        .basic_constraints(profile.is_ca, profile.path_length)
        .alternative_names(profile.uris, profile.names);
    const std::vector<int> usual = profile.is_ca ? std::vector<int>{5, 6} : std::vector<int>{0};
    builder.key_usage(profile.key_usage.empty() ? usual : profile.key_usage);
    if (profile.usage == Usage::client_auth) {
        builder.extended_key_usage(NID_client_auth);
    }
    if (profile.usage == Usage::server_auth) {
        builder.extended_key_usage(NID_server_auth);
    }
    if (!profile.session_id.empty()) {
        builder.session(profile.session_id);
    }
    if (issuer != nullptr) {
        builder.issued_by(issuer->certificate);
    }
    Result<pki::Certificate> certificate = builder.sign(issuer != nullptr ? issuer->key : *key);
    if (!certificate) {
        return certificate.error();
    }
    return pki::KeyAndCertificate{std::move(*key), std::move(*certificate)};
}

}  // namespace

OddProfile login_profile(std::string_view name, SystemTime now) {
    OddProfile profile;
    profile.common_name = name;
    profile.groups = {"analysts"};
    profile.uris = {pki::user_uri("test.internal", name)};
    profile.session_id = "session-of-" + std::string(name);
    profile.not_before = now - 1min;
    profile.not_after = now + 1h;
    return profile;
}

Result<pki::KeyAndCertificate> mint(const OddProfile& profile, const pki::KeyAndCertificate& issuer) {
    return make(profile, &issuer);
}

Result<pki::KeyAndCertificate> mint_self_signed(const OddProfile& profile) {
    return make(profile, nullptr);
}

Result<pki::KeyAndCertificate> make_impostor(const pki::Certificate& genuine, SystemTime now) {
    Result<pki::PrivateKey> key = pki::PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    pki::CertificateBuilder builder;
    builder.subject_of(genuine)
        .validity(now - 1h, now + 24h)
        .public_key(key->get())
        .basic_constraints(true)
        .key_usage({5, 6})
        .subject_key_identifier();
    Result<pki::Certificate> certificate = builder.sign(*key);
    if (!certificate) {
        return certificate.error();
    }
    return pki::KeyAndCertificate{std::move(*key), std::move(*certificate)};
}

Result<pki::KeyAndCertificate> make_misspelt_root(const OddName& subject, const OddName& issuer,
                                                  SystemTime now) {
    OddProfile profile;
    profile.common_name = subject.common_name;
    profile.not_before = now - 1h;
    profile.not_after = now + 24h;
    profile.usage = Usage::none;
    profile.is_ca = true;
    Result<pki::KeyAndCertificate> made = make(profile, nullptr);
    if (!made) {
        return made;
    }
    const pki::ErrorQueueScope errors;
    const pki::X509Ptr copy(X509_dup(made->certificate.get()));
    const auto put = [](const OddName& name, X509_NAME* into) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(name.common_name.data());
        X509_NAME_ENTRY_free(X509_NAME_delete_entry(into, 0));
        return X509_NAME_add_entry_by_NID(into, NID_commonName, name.type, bytes,
                                          static_cast<int>(name.common_name.size()), -1, 0) == 1;
    };
    if (!copy || !put(subject, X509_get_subject_name(copy.get())) ||
        !put(issuer, X509_get_issuer_name(copy.get())) ||
        X509_sign(copy.get(), made->key.get(), EVP_sha256()) <= 0) {
        return pki::openssl_failure(Code::internal, "cannot misspell a name");
    }
    Result<pki::Certificate> read = pki::Certificate::from_pem(pki::Certificate::from_x509(copy.get()).pem());
    if (!read) {
        return read.error();
    }
    return pki::KeyAndCertificate{std::move(made->key), std::move(*read)};
}

Result<pki::Certificate> cross_sign(const pki::Certificate& genuine, const pki::KeyAndCertificate& issuer,
                                    SystemTime now) {
    pki::CertificateBuilder builder;
    builder.subject_of(genuine)
        .validity(now - 1h, now + 24h)
        .public_key(X509_get0_pubkey(genuine.get()))
        .basic_constraints(true)
        .key_usage({5, 6})
        .subject_key_identifier()
        .issued_by(issuer.certificate);
    return builder.sign(issuer.key);
}

Authority make_authority(const std::string& name, SystemTime now) {
    const auto year = std::chrono::seconds(365 * 24h);
    const pki::AuthorityProfile root_profile{name + " Root", "Postern Test", 10 * year};
    const pki::AuthorityProfile issuing_profile{name + " Issuing", "Postern Test", year};
    pki::KeyAndCertificate root = pki::make_root(root_profile, now).value();
    pki::KeyAndCertificate issuing = pki::make_intermediate(root, issuing_profile, now).value();
    const std::vector<pki::Certificate> chain{issuing.certificate, root.certificate};
    pki::Issuer issuer = pki::Issuer::make(issuing.key, chain).value();
    pki::TrustBundle bundle =
        pki::TrustBundle::from_pem(pki::to_pem({root.certificate, issuing.certificate})).value();
    return Authority{std::move(root), std::move(issuing), std::move(issuer), std::move(bundle)};
}

}  // namespace postern::test
