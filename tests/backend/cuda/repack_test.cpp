// How weights are repacked from the file's blocks.
#include "backend/cuda/repack.h"

#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {
namespace {

class RepackTest : public backend::test::GpuTest {};

// ggml keeps zeros under any scale; here byte 255 would make them infinity times zero.
TEST_F(RepackTest, ZerosStayZerosUnderTheLargestScale) {
    constexpr std::int32_t kColumns = 64, kBlockBytes = 17;
    std::vector<std::byte> blocks(2 * kBlockBytes);
    blocks[0] = std::byte{255};
    blocks[3] = std::byte{0x80};  // minus zero
    blocks[kBlockBytes] = std::byte{130};
    blocks[kBlockBytes + 5] = std::byte{0x21};
    const DeviceVector<std::byte> source(blocks), values(std::size_t{kColumns / 2}), scales(std::size_t{8});
    DeviceMatrix packed;
    packed.type = WeightFormat::mxfp4;
    packed.rows = 1;
    packed.columns = kColumns;
    packed.value_stride_bytes = kColumns / 2;
    packed.scale_stride_bytes = 8;
    packed.values = values.get();
    packed.scales = scales.get();
    repack_rows(gguf::TensorType::MXFP4, source.get(), 0, 1, packed, {}, nullptr);
    const std::vector<std::byte> found = scales.read();
    EXPECT_EQ(found[0], std::byte{0});
    EXPECT_EQ(found[1], std::byte{130});
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
