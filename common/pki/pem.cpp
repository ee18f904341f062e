#include "pki/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "pki/openssl.hpp"

namespace postern::pki {

Result<std::vector<PemBlock>> read_pem(std::string_view text, Code code, std::size_t limit) {
    std::vector<PemBlock> blocks;
    const BioPtr bio = read_only_bio(text);
    const ErrorQueueScope errors;
    for (;;) {
        char* label = nullptr;
        char* header = nullptr;
        unsigned char* data = nullptr;
        long length = 0;
        if (PEM_read_bio(bio.get(), &label, &header, &data, &length) != 1) {
            const unsigned long error = ERR_peek_last_error();
            const bool is_end =
                ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
            if (!is_end) {
                return openssl_failure(code, "damaged PEM text");
            }
            if (blocks.empty()) {
                return Failure{code, "no PEM block in the text"};
            }
            return blocks;
        }
        PemBlock block;
        block.label = label;
        block.der.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, static_cast<std::size_t>(length));
        if (blocks.size() == limit) {
            return Failure{code, "more than " + std::to_string(limit) + " PEM blocks"};
        }
        blocks.push_back(std::move(block));
    }
}

}  // namespace postern::pki
