//! Numbers of few bits as Parquet keeps them, its "RLE/bit-packing hybrid": runs of one number, and groups of eight side by
//! side.

/// Numbers side by side are whole groups.
const GROUP: usize = 8;

/// Numbers, being encoded.
#[derive(Debug)]
pub(super) struct Hybrid {
    /// Of each number.
    bits: u32,
    bytes: Vec<u8>,
    /// Groups that are full, packed; they have no header yet.
    groups: Vec<u8>,
    /// The group that is not full.
    open: [u32; GROUP],
    filled: usize,
}

impl Hybrid {
    /// For numbers up to `largest`.
    pub(super) fn new(largest: u32) -> Self {
        // No bits at all are allowed for nothing but zeros, and not every reader knows that.
        let bits = (u32::BITS - largest.leading_zeros()).max(1);
        Self { bits, bytes: Vec::new(), groups: Vec::new(), open: [0; GROUP], filled: 0 }
    }

    /// Bits of a number.
    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    /// Adds a number `times`.
    pub(super) fn push(&mut self, number: u32, mut times: usize) {
        if self.filled > 0 || times < GROUP {
            let fill = times.min(GROUP - self.filled);
            self.open[self.filled..self.filled + fill].fill(number);
            self.filled += fill;
            times -= fill;
            if self.filled == GROUP {
                self.pack();
            }
        }
        if times >= GROUP {
            self.end_groups();
            self.header(times << 1);
            let bytes = self.bits.div_ceil(u8::BITS) as usize;
            self.bytes.extend(&number.to_le_bytes()[..bytes]);
        } else if times > 0 {
            self.open[..times].fill(number);
            self.filled = times;
        }
    }

    /// All of them, and what fills the last group.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.open[self.filled..].fill(0);
            self.pack();
        }
        self.end_groups();
        self.bytes
    }

    fn pack(&mut self) {
        let (mut waiting, mut bits) = (0_u64, 0);
        for number in self.open {
            waiting |= u64::from(number) << bits;
            bits += self.bits;
            while bits >= u8::BITS {
                self.groups.push(waiting.to_le_bytes()[0]);
                waiting >>= u8::BITS;
                bits -= u8::BITS;
            }
        }
        self.filled = 0;
    }

    fn end_groups(&mut self) {
        let groups = self.groups.len() / self.bits as usize;
        if groups > 0 {
            self.header((groups << 1) | 1);
            self.bytes.append(&mut self.groups);
        }
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn header(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }
}
