// mint-certificate: makes one odd certificate for tests and the demonstration. It is never installed.
#include <iostream>
#include <map>

#include <CLI/CLI.hpp>

#include "base/file.hpp"
#include "base/process.hpp"
#include "support/odd_certificates.hpp"

namespace postern::test {

namespace {

using namespace std::chrono_literals;

struct Order {
    OddProfile profile;
    std::string issuer_key;
    std::string issuer_certificate;
    std::string impostor_of;
    std::string not_before;
    std::string not_after;
    bool is_self_signed = false;
    std::string out_certificate;
    std::string out_key;
};

struct Minted {
    pki::KeyAndCertificate leaf;
    std::vector<pki::Certificate> above;
};

Result<Minted> mint_self_signed_leaf(const Order& order) {
    Result<pki::KeyAndCertificate> leaf = mint_self_signed(order.profile);
    if (!leaf) {
        return leaf.error();
    }
    return Minted{std::move(*leaf), {}};
}

Result<Minted> mint_below_impostor(const Order& order, SystemTime now) {
    const Result<std::vector<pki::Certificate>> genuine = pki::load_certificates(order.impostor_of);
    if (!genuine) {
        return genuine.error();
    }
    const Result<pki::KeyAndCertificate> impostor = make_impostor(genuine->front(), now);
    if (!impostor) {
        return impostor.error();
    }
    Result<pki::KeyAndCertificate> leaf = mint(order.profile, *impostor);
    if (!leaf) {
        return leaf.error();
    }
    return Minted{std::move(*leaf), {impostor->certificate}};
}

Result<Minted> mint_below_issuer(const Order& order) {
    const Result<pki::PrivateKey> key = pki::PrivateKey::load(order.issuer_key);
    if (!key) {
        return key.error();
    }
    const Result<std::vector<pki::Certificate>> chain = pki::load_certificates(order.issuer_certificate);
    if (!chain) {
        return chain.error();
    }
    Result<pki::KeyAndCertificate> leaf = mint(order.profile, pki::KeyAndCertificate{*key, chain->front()});
    if (!leaf) {
        return leaf.error();
    }
    return Minted{std::move(*leaf), {chain->front()}};
}

Result<void> carry_out(Order order) {
    const SystemTime now = system_clock()();
    order.profile.not_before = now - 1min;
    order.profile.not_after = now + 1h;
    if (!order.not_before.empty()) {
        const Result<SystemTime> time = parse_time(order.not_before);
        if (!time) {
            return time.error();
        }
        order.profile.not_before = *time;
    }
    if (!order.not_after.empty()) {
        const Result<SystemTime> time = parse_time(order.not_after);
        if (!time) {
            return time.error();
        }
        order.profile.not_after = *time;
    }
    const Result<Minted> minted = order.is_self_signed         ? mint_self_signed_leaf(order)
                                  : !order.impostor_of.empty() ? mint_below_impostor(order, now)
                                                               : mint_below_issuer(order);
    if (!minted) {
        return minted.error();
    }
    const Result<void> is_key_saved = minted->leaf.key.save(order.out_key);
    if (!is_key_saved) {
        return is_key_saved.error();
    }
    return write_file(order.out_certificate, minted->leaf.certificate.pem() + pki::to_pem(minted->above),
                      0644);
}

}  // namespace

}  // namespace postern::test

int main(int argc, char** argv) {
    using postern::test::Usage;
    postern::harden_process();
    postern::test::Order order;
    CLI::App app("Makes one odd certificate and its P-256 key, for tests and the demonstration.",
                 "mint-certificate");
    app.add_option("--cn", order.profile.common_name, "common name")->required();
    app.add_option("--group", order.profile.groups, "an O of the subject; repeatable");
    app.add_option("--uri", order.profile.uris, "alternative name: a URI; repeatable");
    app.add_option("--name", order.profile.names, "alternative name: a DNS name or IP address; repeatable");
    app.add_option("--session", order.profile.session_id, "login session");
    app.add_option("--not-before", order.not_before, "RFC 3339 in UTC; default a minute ago");
    app.add_option("--not-after", order.not_after, "RFC 3339 in UTC; default in an hour");
    const std::map<std::string, Usage> usages{
        {"client", Usage::client_auth}, {"server", Usage::server_auth}, {"none", Usage::none}};
    app.add_option("--eku", order.profile.usage, "client, server or none")
        ->transform(CLI::CheckedTransformer(usages));
    app.add_flag("--ca", order.profile.is_ca, "basicConstraints CA:TRUE");
    auto* issuer_key = app.add_option("--issuer-key", order.issuer_key, "key of the issuer");
    auto* issuer_certificate = app.add_option("--issuer-cert", order.issuer_certificate,
                                              "certificate of the issuer (the first in the file)");
    issuer_key->needs(issuer_certificate);
    issuer_certificate->needs(issuer_key);
    auto* self_signed = app.add_flag("--self-signed", order.is_self_signed, "no issuer");
    auto* impostor = app.add_option("--impostor-of", order.impostor_of,
                                    "issued by a new CA with the subject of this certificate");
    self_signed->excludes(issuer_key)->excludes(impostor);
    impostor->excludes(issuer_key);
    app.add_option("--out-cert", order.out_certificate, "file for the certificate and its issuer's")
        ->required();
    app.add_option("--out-key", order.out_key, "file for the key")->required();
    CLI11_PARSE(app, argc, argv);
    if (!order.is_self_signed && order.impostor_of.empty() && order.issuer_key.empty()) {
        std::cerr << "mint-certificate: error: no issuer: name one, or none\n"
                     "hint: --issuer-key and --issuer-cert, --impostor-of, or --self-signed\n";
        return 2;
    }
    const postern::Result<void> done = postern::test::carry_out(std::move(order));
    if (!done) {
        std::cerr << "mint-certificate: error: " << postern::name(done.error().code) << ": "
                  << done.error().detail << '\n';
        return 1;
    }
    return 0;
}
