// How weights come from the file's blocks into planes.
#include "backend/cuda/relayout.h"

#include "backend/cuda/prefill_support.h"

namespace gptoss::backend::cuda::test {
namespace {

class RelayoutTest : public backend::test::GpuTest {};

// ggml keeps zeros under any scale; here byte 255 would make them infinity times zero.
TEST_F(RelayoutTest, ZerosStayZerosUnderTheLargestScale) {
    constexpr std::int32_t kColumns = 64, kBlockBytes = 17;
    std::vector<std::byte> blocks(2 * kBlockBytes);
    blocks[0] = std::byte{255};
    blocks[3] = std::byte{0x80};  // minus zero
    blocks[kBlockBytes] = std::byte{130};
    blocks[kBlockBytes + 5] = std::byte{0x21};
    const DeviceVector<std::byte> source(blocks), values(std::size_t{kColumns / 2}), scales(std::size_t{8});
    DeviceMatrix plane;
    plane.type = PlaneType::mxfp4;
    plane.rows = 1;
    plane.columns = kColumns;
    plane.value_stride_bytes = kColumns / 2;
    plane.scale_stride_bytes = 8;
    plane.values = values.get();
    plane.scales = scales.get();
    relayout_rows(gguf::TensorType::MXFP4, source.get(), 0, 1, plane, {}, nullptr);
    const std::vector<std::byte> found = scales.read();
    EXPECT_EQ(found[0], std::byte{0});
    EXPECT_EQ(found[1], std::byte{130});
}

}  // namespace
}  // namespace gptoss::backend::cuda::test
