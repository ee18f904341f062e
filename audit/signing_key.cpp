#include "audit/log.hpp"
#include "base/file.hpp"

namespace postern::audit {

Result<pki::PrivateKey> load_or_make_key(const std::filesystem::path& path) {
    auto loaded = pki::PrivateKey::load(path);
    if (loaded || loaded.error().code != Code::not_found) {
        return loaded;
    }
    auto key = pki::PrivateKey::generate_ed25519();
    if (!key) {
        return key;
    }
    const auto pem = key->public_pem();
    if (!pem) {
        return pem.error();
    }
    if (auto saved = key->save(path); !saved) {
        return saved.error();
    }
    if (auto written = write_file(path.string() + ".pub", *pem, 0644); !written) {
        return written.error();
    }
    return key;
}

}  // namespace postern::audit
