//! Pipes: the ends that clients and manager routines get, and how many there are.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use super::names::{self, Names};
use super::plan::Plan;
use super::{Generator, docs};
use crate::model::{Field, Operation, Type};

/// The pipes of an operation, if it has any.
pub(super) struct Pipes {
    /// The struct of a client's ends.
    pub(super) ends: Ident,
    /// The constant that says how many there are.
    pub(super) shape: Ident,
    /// In the order of the parameters.
    pub(super) pipes: Vec<Pipe>,
}

/// A pipe in one direction.
pub(super) struct Pipe {
    pub(super) ident: Ident,
    direction: Direction,
    /// Its number among those of its direction.
    index: usize,
    element: TokenStream,
    docs: TokenStream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// Who holds an end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Pipe {
    fn is_pushed_by(&self, side: Side) -> bool {
        (self.direction == Direction::In) == (side == Side::Client)
    }

    /// The type of a side's end.
    pub(super) fn end(&self, side: Side) -> TokenStream {
        let element = &self.element;
        if self.is_pushed_by(side) {
            quote!(PushPipe<#element>)
        } else {
            quote!(PullPipe<#element>)
        }
    }

    /// Takes a side's end out of `ends`.
    pub(super) fn taken(&self, side: Side, ends: &Ident) -> TokenStream {
        let index = Literal::usize_unsuffixed(self.index);
        if self.is_pushed_by(side) {
            quote!(#ends.push(#index))
        } else {
            quote!(#ends.pull(#index))
        }
    }
}

impl Pipes {
    fn count(&self, direction: Direction) -> usize {
        let of_direction = |pipe: &&Pipe| pipe.direction == direction;
        self.pipes.iter().filter(of_direction).count()
    }

    /// A client's ends, taken out of `ends`.
    pub(super) fn client_ends(&self, ends: &Ident) -> TokenStream {
        let name = &self.ends;
        let members = self.pipes.iter().map(|pipe| {
            let (name, taken) = (&pipe.ident, pipe.taken(Side::Client, ends));
            quote!(#name: #taken)
        });
        quote!(#name { #(#members),* })
    }
}

/// Names of the pipes of an operation, beside those of its other parameters.
pub(super) fn take_names(operation: &Operation, field_names: &mut Names) -> Vec<String> {
    operation
        .parameters
        .iter()
        .map(|parameter| {
            let name = names::snake(&parameter.field.name);
            let is_both = parameter.is_in && parameter.is_out;
            if is_both && matches!(parameter.field.ty, Type::Pipe(_)) {
                field_names.take_family(&name, &["_in", "_out"])
            } else {
                field_names.take(&name)
            }
        })
        .collect()
}

impl Generator<'_> {
    /// The pipes of an operation, whose parameters have these names.
    pub(super) fn pipes(
        &mut self,
        operation: &Operation,
        idents: &[String],
        family: &str,
    ) -> Option<Pipes> {
        let mut pipes: Vec<Pipe> = Vec::new();
        for (parameter, name) in operation.parameters.iter().zip(idents) {
            let Type::Pipe(element) = &parameter.field.ty else {
                continue;
            };
            let ends = match (parameter.is_in, parameter.is_out) {
                (true, true) => vec![("_in", Direction::In), ("_out", Direction::Out)],
                (true, false) => vec![("", Direction::In)],
                (false, _) => vec![("", Direction::Out)],
            };
            for (ending, direction) in ends {
                let of_direction = |pipe: &&Pipe| pipe.direction == direction;
                let index = pipes.iter().filter(of_direction).count();
                let name = format!("{name}{ending}");
                pipes.push(Pipe {
                    docs: end_docs(&parameter.field, &name, direction),
                    ident: names::ident(&name),
                    direction,
                    index,
                    element: self.pipe_element(element),
                });
            }
        }
        let shape = format!("{}_PIPES", names::screaming(&operation.name));
        (!pipes.is_empty()).then(|| Pipes {
            ends: names::ident(&format!("{family}Pipes")),
            shape: names::ident(&self.names.take(&shape)),
            pipes,
        })
    }

    /// The Rust type of an element, which takes the same room always.
    fn pipe_element(&self, ty: &Type) -> TokenStream {
        match ty {
            Type::Scalar(scalar) => self.scalar(*scalar),
            Type::Defined(id) => self.definition_ident(*id).to_token_stream(),
            Type::Pointer(..) | Type::Array(_) | Type::Text(_) | Type::Pipe(_) => {
                unreachable!("resolve refuses it")
            }
        }
    }

    /// How many pipes an operation has, and the struct of the client's ends.
    pub(super) fn pipes_items(&self, plan: &Plan) -> TokenStream {
        let Some(pipes) = &plan.pipes else {
            return TokenStream::new();
        };
        let name = &plan.idl_name;
        let shape = &pipes.shape;
        let in_count = Literal::usize_unsuffixed(pipes.count(Direction::In));
        let out_count = Literal::usize_unsuffixed(pipes.count(Direction::Out));
        let shape_docs = docs::lines([format!("How many pipes `{name}` has.")]);
        let ends = (self.options.client && plan.has_client).then(|| {
            let docs = docs::lines([
                format!("`{name}`: the client's ends of its pipes."),
                String::new(),
                "Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One"
                    .to_owned(),
                "that is dropped before its end gives the call up.".to_owned(),
            ]);
            let ident = &pipes.ends;
            let members = pipes.pipes.iter().map(|pipe| {
                let (docs, name, ty) = (&pipe.docs, &pipe.ident, pipe.end(Side::Client));
                quote!(#docs pub #name: #ty)
            });
            quote! {
                #docs
                #[derive(Debug)]
                pub struct #ident { #(#members),* }
            }
        });
        quote! {
            #shape_docs
            pub const #shape: PipeShape = PipeShape {
                in_count: #in_count,
                out_count: #out_count,
            };

            #ends
        }
    }
}

fn end_docs(field: &Field, name: &str, direction: Direction) -> TokenStream {
    let mut lines = docs::text(&field.docs, &field.name, name);
    lines.push(String::new());
    lines.push(match direction {
        Direction::In => "`[in]`: push until all is in, then `finish`.".to_owned(),
        Direction::Out => "`[out]`: pull until no more comes.".to_owned(),
    });
    docs::lines(lines)
}

/// How many pipes the operations have, as a server tells it.
pub(super) fn shapes(plans: &[Plan]) -> Option<TokenStream> {
    let arms: Vec<_> = plans
        .iter()
        .filter_map(|plan| {
            let (opnum, shape) = (&plan.opnum_ident, &plan.pipes.as_ref()?.shape);
            Some(quote!(#opnum => #shape,))
        })
        .collect();
    (!arms.is_empty()).then(|| {
        quote! {
            fn pipes(&self, opnum: u16) -> PipeShape {
                match opnum {
                    #(#arms)*
                    _ => PipeShape::default(),
                }
            }
        }
    })
}
