//! Which coalitions are asked, and what each answer counts for.

use super::EXACT_PLAYERS;

/// How many pairs more than players are drawn.
const EXTRA: usize = 256;

/// Coalitions in pairs with their complements. With `y` the raw output of a coalition less that of its complement, the
/// Shapley values are a weighted sum of the `y` of all pairs; the first pair is of all players and none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    num_players: usize,
    /// `members[pair * num_players + player]`: 1 in the coalition, -1 in its complement.
    members: Vec<f64>,
    /// `weights[pair * num_players + player]`.
    weights: Vec<f64>,
    /// Per pair, by what to multiply the square of its residual to get its share of the variances' sum; 0 of a pair that
    /// is not there by chance. Empty if all coalitions are asked.
    noise: Vec<f64>,
}

impl Plan {
    /// All coalitions of few players, `num_players + 256` pairs of more.
    pub(super) fn new(num_players: usize, seed: u64) -> Self {
        if num_players <= EXACT_PLAYERS { Self::exact(num_players) } else { Self::sampled(num_players, EXTRA, seed) }
    }

    /// How many pairs that are.
    pub(super) fn pairs_of(num_players: usize) -> usize {
        if num_players <= EXACT_PLAYERS { (1 << num_players) / 2 } else { 1 + num_players + EXTRA }
    }

    /// All coalitions. The weight of a coalition of `s` players without player `i` is that of `i`'s joining it,
    /// `s! (n - s - 1)! / n!` (Shapley, A Value for n-Person Games, 1953).
    pub(super) fn exact(num_players: usize) -> Self {
        let mut of_size = vec![1.0 / num_players.max(1) as f64];
        for size in 1..num_players {
            of_size.push(of_size[size - 1] * size as f64 / (num_players - size) as f64);
        }
        let (mut members, mut weights) = (Vec::new(), Vec::new());
        // Those with the first player; the others are their complements.
        for absent in 0..(1usize << num_players) / 2 {
            let is_member = |player: usize| player == 0 || absent >> (player - 1) & 1 == 0;
            let size = (0..num_players).filter(|player| is_member(*player)).count();
            members.extend((0..num_players).map(|player| if is_member(player) { 1.0 } else { -1.0 }));
            weights.extend((0..num_players).map(|player| match is_member(player) {
                true => of_size[size - 1],
                false => -of_size[size],
            }));
        }
        Self { num_players, members, weights, noise: Vec::new() }
    }

    /// All coalitions of the sizes that are few, and as many more as to make `num_players + extra` pairs, drawn by the
    /// Shapley kernel: size `s` in proportion to `1 / (s (n - s))`, each of a size alike (Covert and Lee, Improving
    /// KernelSHAP, 2021, section 3.2, with the pairs of section 4.2). Every size is taken whole from which as many would
    /// be drawn anyway, as PyPI's shap does.
    ///
    /// The values `b` minimise `sum over pairs of w (u·b - y)^2` under `1·b = y of all players`, `u` being the signs of
    /// the members: with `U = sum of w u u'`, each pair's weight is `w C u`, `C = U^-1 - U^-1 1 1' U^-1 / (1' U^-1 1)`.
    pub(super) fn sampled(num_players: usize, extra: usize, seed: u64) -> Self {
        let players = num_players as f64;
        let mut plan = Self { num_players, members: vec![1.0; num_players], weights: Vec::new(), noise: Vec::new() };
        // The weights `w`, and which of them are there by chance.
        let mut kernel = vec![(0.0, false)];
        let mut left = num_players + extra;
        let mass = |size: usize| {
            let both = if 2 * size == num_players { 1.0 } else { 2.0 };
            both / (size as f64 * (players - size as f64))
        };
        let mut rest: f64 = (1..=num_players / 2).map(mass).sum();
        let mut size = 1;
        while size <= num_players / 2 {
            let pairs = binomial(players, size) / if 2 * size == num_players { 2.0 } else { 1.0 };
            if size > 1 && pairs > left as f64 * mass(size) / rest {
                break;
            }
            plan.add_size(size);
            kernel.resize(plan.num_pairs(), (mass(size) / pairs, false));
            left = left.saturating_sub(pairs as usize);
            rest -= mass(size);
            size += 1;
        }
        if size <= num_players / 2 {
            let mut random = SplitMix(seed);
            let mut order: Vec<usize> = (0..num_players).collect();
            for _ in 0..left {
                let mut at = random.unit() * rest;
                let drawn = (size..num_players / 2).find(|size| {
                    at -= mass(*size);
                    at < 0.0
                });
                plan.add_drawn(drawn.unwrap_or(num_players / 2), &mut order, &mut random);
            }
            kernel.resize(plan.num_pairs(), (rest / left as f64, true));
        }
        plan.weigh(&kernel);
        plan
    }

    /// Adds the pairs of all coalitions of a size.
    fn add_size(&mut self, size: usize) {
        let num_players = self.num_players;
        let mut chosen: Vec<usize> = (0..size).collect();
        // Of two halves of the players, the one with the first stands for both.
        while 2 * size < num_players || chosen[0] == 0 {
            self.add(&chosen);
            // The next in lexicographic order: the last that can move on does, with those behind it right after it.
            let Some(moving) = (0..size).rev().find(|index| chosen[*index] < num_players - size + index) else {
                return;
            };
            let first = chosen[moving] + 1;
            chosen[moving..].iter_mut().enumerate().for_each(|(index, player)| *player = first + index);
        }
    }

    /// Adds the pair of one coalition of a size, all being equally likely (Fisher and Yates).
    fn add_drawn(&mut self, size: usize, order: &mut [usize], random: &mut SplitMix) {
        for index in 0..size {
            let other = index + (random.unit() * (order.len() - index) as f64) as usize;
            order.swap(index, other.min(order.len() - 1));
        }
        self.add(&order[..size]);
    }

    fn add(&mut self, coalition: &[usize]) {
        let start = self.members.len();
        self.members.resize(start + self.num_players, -1.0);
        coalition.iter().for_each(|player| self.members[start + player] = 1.0);
    }

    /// Finds the weights of the pairs.
    fn weigh(&mut self, kernel: &[(f64, bool)]) {
        let size = self.num_players;
        let mut normal = vec![0.0; size * size];
        for (members, (weight, _)) in self.members.chunks_exact(size).zip(kernel) {
            for (row, member) in normal.chunks_exact_mut(size).zip(members) {
                let factor = weight * member;
                row.iter_mut().zip(members).for_each(|(sum, member)| *sum += factor * member);
            }
        }
        let mut inverse = invert(normal, size);
        let sums: Vec<f64> = inverse.chunks_exact(size).map(|row| row.iter().sum()).collect();
        let total: f64 = sums.iter().sum();
        for (row, sum) in inverse.chunks_exact_mut(size).zip(&sums) {
            row.iter_mut().zip(&sums).for_each(|(value, other)| *value -= sum * other / total);
        }
        self.weights = sums.iter().map(|sum| sum / total).collect();
        self.noise = vec![0.0];
        for (members, (weight, by_chance)) in self.members.chunks_exact(size).zip(kernel).skip(1) {
            let start = self.weights.len();
            for row in inverse.chunks_exact(size) {
                self.weights.push(weight * row.iter().zip(members).map(|(a, b)| a * b).sum::<f64>());
            }
            let square: f64 = self.weights[start..].iter().map(|weight| weight * weight).sum();
            self.noise.push(if *by_chance { square } else { 0.0 });
        }
    }

    /// How many pairs there are.
    pub(super) fn num_pairs(&self) -> usize {
        self.members.len() / self.num_players.max(1)
    }

    /// Whether the values are exact.
    pub(super) fn is_exact(&self) -> bool {
        self.noise.is_empty()
    }

    /// Whether a player is in the coalition of a pair; if not, it is in its complement.
    pub(super) fn has(&self, pair: usize, player: usize) -> bool {
        self.members[pair * self.num_players + player] > 0.0
    }

    /// The Shapley values from the difference of every pair.
    pub(super) fn values(&self, differences: impl Iterator<Item = f64>, values: &mut [f64]) {
        values.fill(0.0);
        for (weights, difference) in self.weights.chunks_exact(self.num_players.max(1)).zip(differences) {
            values.iter_mut().zip(weights).for_each(|(value, weight)| *value += weight * difference);
        }
    }

    /// The estimated mean square of the errors of values that are there by chance: by the residuals of the pairs drawn.
    pub(super) fn squared_error(&self, differences: impl Iterator<Item = f64>, values: &[f64]) -> f64 {
        let pairs = self.members.chunks_exact(self.num_players.max(1)).zip(&self.noise).zip(differences);
        let squares = pairs.filter(|((_, noise), _)| **noise > 0.0).map(|((members, noise), difference)| {
            let fitted: f64 = members.iter().zip(values).map(|(member, value)| member * value).sum();
            noise * (difference - fitted).powi(2)
        });
        squares.sum::<f64>() / self.num_players.max(1) as f64
    }
}

/// The number of ways to choose `k` of `n`.
fn binomial(n: f64, k: usize) -> f64 {
    (0..k).fold(1.0, |product, index| product * (n - index as f64) / (index + 1) as f64).round()
}

/// The inverse of a symmetric positive definite matrix, by Gauss and Jordan, which needs no pivoting there.
fn invert(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    let mut pivot_row = vec![0.0; size];
    for pivot in 0..size {
        let factor = 1.0 / matrix[pivot * size + pivot];
        pivot_row.copy_from_slice(&matrix[pivot * size..(pivot + 1) * size]);
        pivot_row.iter_mut().for_each(|value| *value *= factor);
        pivot_row[pivot] = factor;
        for (index, row) in matrix.chunks_exact_mut(size).enumerate() {
            if index == pivot {
                row.copy_from_slice(&pivot_row);
            } else {
                let multiple = std::mem::take(&mut row[pivot]);
                row.iter_mut().zip(&pivot_row).for_each(|(value, pivot)| *value -= multiple * pivot);
            }
        }
    }
    matrix
}

/// A small generator (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    /// A number in [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_all_coalitions_in_pairs_is_the_exact_one() {
        // The kernel's regression over all coalitions gives the Shapley values themselves (Lundberg and Lee, 2017).
        for players in [4, 5, 8] {
            let (all, exact) = (Plan::sampled(players, 1 << players, 1), Plan::exact(players));
            assert_eq!(all.num_pairs(), exact.num_pairs());
            assert_eq!(exact.num_pairs(), Plan::pairs_of(players));
            let game = |plan: &Plan, pair: usize| {
                let worth = |inside: bool| {
                    let mask = (0..players).filter(|player| plan.has(pair, *player) == inside).map(|p| 1u32 << p);
                    (f64::from(mask.sum::<u32>()) * 0.618_033_988_7).fract()
                };
                worth(true) - worth(false)
            };
            let [mut ours, mut expected] = [vec![0.0; players], vec![0.0; players]];
            all.values((0..all.num_pairs()).map(|pair| game(&all, pair)), &mut ours);
            exact.values((0..exact.num_pairs()).map(|pair| game(&exact, pair)), &mut expected);
            assert!(ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{ours:?} {expected:?}");
            assert_eq!(all.squared_error((0..all.num_pairs()).map(|pair| game(&all, pair)), &ours), 0.0);
        }
    }

    #[test]
    fn a_plan_of_many_players_keeps_to_its_pairs() {
        for players in [12, 13, 40, 300] {
            let plan = Plan::new(players, 5);
            assert_eq!(plan.num_pairs(), players + 256 + 1);
            assert_eq!(plan.num_pairs(), Plan::pairs_of(players));
            assert!(plan.weights.iter().all(|weight| weight.is_finite()));
            assert!(plan != Plan::new(players, 6) && plan == Plan::new(players, 5));
        }
    }
}
