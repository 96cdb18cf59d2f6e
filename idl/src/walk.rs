//! Walks along the edges between definitions. They are loops, as a hostile definition may make
//! chains of any length.

/// All that the edges lead to from the roots, the roots included.
pub(crate) fn reached(edges: &[Vec<usize>], roots: Vec<usize>) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    let mut open = roots;
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(&edges[index]);
        }
    }
    reached
}
