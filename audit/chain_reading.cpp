#include "audit/chain_reading.hpp"

namespace postern::audit {

Result<ChainExtent> read_chain(LogLineReader& reader, ChainVerifier& verifier, const ChainReading& reading) {
    using Item = LogLineReader::Item;
    ChainExtent extent;
    bool is_going_on = true;
    while (is_going_on) {
        Item item = reader.next();
        if (item == Item::unfinished && reading.look_again) {
            item = reading.look_again(reader);
        }
        switch (item) {
            case Item::line:
                extent.last_line = reader.line_offset();
                is_going_on = verifier.add(reader.line());
                break;
            case Item::unfinished:
                extent.last_line = reader.line_offset();
                extent.has_unfinished_line = true;
                is_going_on = verifier.add_unfinished(reader.unfinished_bytes());
                break;
            case Item::oversized:
                is_going_on = verifier.add_oversized();
                break;
            case Item::end:
                is_going_on = false;
                break;
            case Item::failed:
                return Failure{Code::io_failed, "it cannot be read"};
        }
        if (reading.progress) {
            reading.progress(reader.offset());
        }
    }
    return extent;
}

}  // namespace postern::audit
