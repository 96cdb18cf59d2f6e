//! The fields of a struct, with everything the expansions need to know about each.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, Expr, Fields, Index, Member, Result, Type};

use crate::attributes::FieldAttributes;
use crate::correlation;
use crate::shape::{self, FieldShape};

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) shape: TokenStream,
    attributes: FieldAttributes,
    /// Fields, by index, that tell a count or a discriminant of this one.
    sources: Vec<usize>,
}

/// Collects the fields. `embedded`: of a structure, not of a parameter list.
pub(crate) fn collect(krate: &TokenStream, fields: &Fields, embedded: bool) -> Result<Vec<Field>> {
    let mut collected = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let attributes = FieldAttributes::parse(&field.attrs)?;
        let FieldShape { is_pointer, tokens } =
            shape::of_field(krate, &field.ty, &attributes, embedded);
        let is_last = index + 1 == fields.len();
        if let Some(given) = attributes
            .correlations()
            .find(|e| correlation::needs_given(e))
            && embedded
        {
            return Err(Error::new_spanned(
                given,
                "a structure is given nothing; only the parameters of an operation are",
            ));
        }
        if embedded
            && !is_last
            && !is_pointer
            && let Some(span) = attributes.conformant_span()
        {
            return Err(Error::new(
                span,
                "a conformant array or a string can only be the last field of a structure; \
                 before that it stands behind a pointer: Option, or #[ndr(ref)]",
            ));
        }
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => Member::Unnamed(Index::from(index)),
        };
        let name = match &member {
            Member::Named(ident) => ident.to_string().trim_start_matches("r#").to_owned(),
            Member::Unnamed(index) => index.index.to_string(),
        };
        let ty = field.ty.clone();
        collected.push(Field {
            member,
            name,
            ty,
            shape: tokens,
            attributes,
            sources: Vec::new(),
        });
    }
    resolve_sources(krate, &mut collected)?;
    Ok(collected)
}

fn resolve_sources(krate: &TokenStream, fields: &mut [Field]) -> Result<()> {
    for index in 0..fields.len() {
        let mut sources = Vec::new();
        for expression in fields[index].attributes.correlations() {
            correlation::lower(krate, expression, &mut |ident| {
                let source = position(fields, ident)?;
                sources.push(source);
                Ok(TokenStream::new())
            })?;
        }
        fields[index].sources = sources;
    }
    Ok(())
}

/// The index of the field that a correlation names.
fn position(fields: &[Field], ident: &Ident) -> Result<usize> {
    let named = |field: &Field| matches!(&field.member, Member::Named(name) if name == ident);
    fields.iter().position(named).ok_or_else(|| {
        let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        Error::new_spanned(
            ident,
            format!("no such field; there are: {}", names.join(", ")),
        )
    })
}

/// The expressions for each dimension: of a tuple its elements, of any other itself.
fn dimensions(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Tuple(tuple) => tuple.elems.iter().collect(),
        _ => vec![expression],
    }
}

/// Whether a dimension is told by nothing: `_`.
fn is_untold(expression: &Expr) -> bool {
    matches!(expression, Expr::Infer(_))
}

impl FieldAttributes {
    pub(crate) fn correlations(&self) -> impl Iterator<Item = &Expr> {
        self.size_is
            .iter()
            .chain(&self.first_is)
            .chain(&self.length_is)
            .chain(&self.switch_is)
            .flat_map(dimensions)
            .filter(|expression| !is_untold(expression))
    }

    /// What those expressions say that are `known`; `lower` turns one into a number.
    pub(crate) fn args(
        &self,
        krate: &TokenStream,
        lower: &dyn Fn(&Expr) -> Result<TokenStream>,
        known: &dyn Fn(&Expr) -> bool,
    ) -> TokenStream {
        let lower = |expression: &Expr| lower(expression).unwrap_or_else(Error::into_compile_error);
        if let Some(switch) = self.switch_is.as_ref().filter(|e| known(e)) {
            let switch = lower(switch);
            return quote!(#krate::Selector(::core::option::Option::Some(#switch)));
        }
        let is_multi = self.dimensions().is_some();
        let with = |method: &str, expression: Option<&Expr>| {
            let values: Vec<_> = dimensions(expression?)
                .into_iter()
                .map(|expression| {
                    let is_known = !is_untold(expression) && known(expression);
                    is_known.then(|| lower(expression))
                })
                .collect();
            if values.iter().all(Option::is_none) {
                return None;
            }
            let method = Ident::new(method, Span::call_site());
            if !is_multi {
                return Some(quote!(.#method(#(#values)*)));
            }
            let values = values.into_iter().map(|value| match value {
                Some(value) => quote!(::core::option::Option::Some(#value)),
                None => quote!(::core::option::Option::None),
            });
            Some(quote!(.#method([#(#values),*])))
        };
        // Of several dimensions, the fixed extents are told here; of one, the shape has it.
        let room = self.varying.as_ref().and_then(|(_, room)| room.as_ref());
        let size = with(
            "with_size",
            self.size_is.as_ref().or(room.filter(|_| is_multi)),
        );
        let first = with("with_first", self.first_is.as_ref());
        let length = with("with_length", self.length_is.as_ref());
        if size.is_none() && first.is_none() && length.is_none() {
            return quote!(::core::default::Default::default());
        }
        let bounds = if is_multi {
            quote!(MultiBounds)
        } else {
            quote!(Bounds)
        };
        quote!(#krate::#bounds::NONE #size #first #length)
    }
}

/// Which of the fields that may tell something have been read.
#[derive(Clone, Copy)]
pub(crate) enum Told<'t> {
    /// All.
    All,
    /// These, by index.
    Only(&'t [usize]),
    /// Of what is told, that for which a field is needed that is none of these.
    NotOnly(&'t [usize]),
}

impl Field {
    /// The local variable that holds the field while it is decoded.
    pub(crate) fn variable(&self) -> Ident {
        format_ident!("__ndr_{}", self.name)
    }

    /// `Type as Trait<Shape>` for a trait with no other parameter.
    pub(crate) fn as_trait(&self, krate: &TokenStream, name: &str) -> TokenStream {
        let (ty, shape) = (&self.ty, &self.shape);
        let name = Ident::new(name, Span::call_site());
        quote!(<#ty as #krate::#name<#shape>>)
    }

    /// `Type as Decode<'a, Shape>`.
    pub(crate) fn as_decode(&self, krate: &TokenStream, lifetime: &syn::Lifetime) -> TokenStream {
        let (ty, shape) = (&self.ty, &self.shape);
        quote!(<#ty as #krate::Decode<#lifetime, #shape>>)
    }

    /// Indices of the fields that tell a count or a discriminant of this one.
    pub(crate) fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// Where something needs what the request tells.
    pub(crate) fn needs_given(&self) -> Option<&Expr> {
        let mut correlations = self.attributes.correlations();
        correlations.find(|expression| correlation::needs_given(expression))
    }

    /// Whether something about this field is told by one that is none of those.
    pub(crate) fn is_told_by_others_than(&self, read: &[usize]) -> bool {
        self.sources.iter().any(|source| !read.contains(source))
    }

    /// The checks of `range`: the allowed values as a pair of `i128`.
    pub(crate) fn range(&self) -> Option<TokenStream> {
        let (min, max) = self.attributes.range.as_ref()?;
        Some(quote!(((#min) as i128, (#max) as i128)))
    }

    /// Whether pointees of this field may stand between it and the next ones.
    pub(crate) fn is_plain(&self, krate: &TokenStream) -> bool {
        let natural = quote!(#krate::Natural);
        self.shape.to_string() == natural.to_string()
            && !matches!(&self.ty, Type::Path(path)
                if path.path.segments.last().is_some_and(|s| s.ident == "Option" || s.ident == "Full"))
    }

    /// What the other fields, and the request, say about this one, as far as they are `told`;
    /// `access` gives a reference to a field.
    pub(crate) fn args(
        &self,
        krate: &TokenStream,
        fields: &[Field],
        told: Told<'_>,
        access: impl Fn(&Field) -> TokenStream,
    ) -> TokenStream {
        let lower = |expression: &Expr| {
            correlation::lower(krate, expression, &mut |ident| {
                position(fields, ident).map(|index| access(&fields[index]))
            })
        };
        let is_told = |expression: &Expr| match told {
            Told::All => true,
            Told::Only(read) => !is_beyond(krate, fields, expression, read),
            Told::NotOnly(read) => is_beyond(krate, fields, expression, read),
        };
        let mut correlations = self.attributes.correlations();
        if !correlations.any(|e| correlation::needs_given(e) && is_told(e)) {
            return self.attributes.args(krate, &lower, &is_told);
        }
        let given = self.attributes.args(krate, &lower, &is_told);
        let not_given = self.attributes.args(krate, &lower, &|expression| {
            is_told(expression) && !correlation::needs_given(expression)
        });
        quote! {
            match given {
                ::core::option::Option::Some(given) => #given,
                ::core::option::Option::None => #not_given,
            }
        }
    }

    /// The check of what is told by others than the fields that were `read` before this one, once all
    /// fields are there; nothing if nothing is.
    pub(crate) fn late_check(
        &self,
        krate: &TokenStream,
        fields: &[Field],
        read: &[usize],
        owner: &str,
    ) -> Option<TokenStream> {
        if !self.is_told_by_others_than(read) {
            return None;
        }
        let args = self.args(krate, fields, Told::NotOnly(read), Field::reference);
        let (check, label) = (self.as_trait(krate, "CheckLate"), &self.name);
        let variable = self.variable();
        Some(quote! {
            #check::check_late(&#variable, #args)
                .map_err(|kind| reader.error(kind).within(#owner, #label))?;
        })
    }

    /// A reference to the local variable that holds the field while it is decoded.
    pub(crate) fn reference(&self) -> TokenStream {
        let variable = self.variable();
        quote!(&#variable)
    }
}

/// Whether the expression names a field that is none of those.
fn is_beyond(krate: &TokenStream, fields: &[Field], expression: &Expr, read: &[usize]) -> bool {
    let mut is_beyond = false;
    // What it comes to is of no interest here, and all of it has been looked at before.
    let lowered = correlation::lower(krate, expression, &mut |ident| {
        is_beyond |= !read.contains(&position(fields, ident)?);
        Ok(TokenStream::new())
    });
    lowered.is_ok() && is_beyond
}
