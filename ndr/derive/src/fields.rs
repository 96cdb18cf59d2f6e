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

impl FieldAttributes {
    fn correlations(&self) -> impl Iterator<Item = &Expr> {
        self.size_is
            .iter()
            .chain(&self.first_is)
            .chain(&self.length_is)
            .chain(&self.switch_is)
            .flat_map(dimensions)
    }
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

    /// Whether this field, the one at `index`, depends on a field behind it.
    pub(crate) fn speaks_of_later(&self, index: usize) -> bool {
        self.sources.iter().any(|&source| source > index)
    }

    /// Where a correlation stands in the source, for errors.
    pub(crate) fn correlation_tokens(&self) -> TokenStream {
        let expressions = self.attributes.correlations();
        quote!(#(#expressions)*)
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

    /// What the other fields, and the request, say about this one; `access` gives a reference to a
    /// field.
    pub(crate) fn args(
        &self,
        krate: &TokenStream,
        fields: &[Field],
        access: impl Fn(&Field) -> TokenStream,
    ) -> TokenStream {
        if self.needs_given().is_none() {
            return self.args_of(krate, fields, &access, |_| true);
        }
        let told = self.args_of(krate, fields, &access, |_| true);
        let untold = self.args_of(krate, fields, &access, |expression| {
            !correlation::needs_given(expression)
        });
        quote! {
            match given {
                ::core::option::Option::Some(given) => #told,
                ::core::option::Option::None => #untold,
            }
        }
    }

    /// What those expressions say that are `known`.
    fn args_of(
        &self,
        krate: &TokenStream,
        fields: &[Field],
        access: &impl Fn(&Field) -> TokenStream,
        known: impl Fn(&Expr) -> bool,
    ) -> TokenStream {
        let mut lower = |expression: &Expr| {
            correlation::lower(krate, expression, &mut |ident| {
                position(fields, ident).map(|index| access(&fields[index]))
            })
            .unwrap_or_else(Error::into_compile_error)
        };
        let attributes = &self.attributes;
        if let Some(switch) = attributes.switch_is.as_ref().filter(|e| known(e)) {
            let switch = lower(switch);
            return quote!(#krate::Selector(::core::option::Option::Some(#switch)));
        }
        let is_multi = attributes.dimensions().is_some();
        let mut with = |method: &str, expression: Option<&Expr>| {
            let expression = expression.filter(|expression| known(expression))?;
            let method = Ident::new(method, Span::call_site());
            let values: Vec<_> = dimensions(expression).into_iter().map(&mut lower).collect();
            Some(if is_multi {
                quote!(.#method([#(#values),*]))
            } else {
                quote!(.#method(#(#values)*))
            })
        };
        // Of several dimensions, the fixed extents are told here; of one, the shape has it.
        let room = attributes
            .varying
            .as_ref()
            .and_then(|(_, room)| room.as_ref());
        let size = with(
            "with_size",
            attributes.size_is.as_ref().or(room.filter(|_| is_multi)),
        );
        let first = with("with_first", attributes.first_is.as_ref());
        let length = with("with_length", attributes.length_is.as_ref());
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

    /// The check of a parameter's `size_is` and `length_is` once all parameters are there.
    pub(crate) fn late_check(
        &self,
        krate: &TokenStream,
        fields: &[Field],
        access: impl Fn(&Field) -> TokenStream,
    ) -> Result<TokenStream> {
        if let Some(switch) = &self.attributes.switch_is {
            return Err(Error::new_spanned(
                switch,
                "the parameter that selects the arm must come before the union",
            ));
        }
        let part = self.attributes.first_is.as_ref();
        if part.is_some() || self.attributes.dimensions().is_some() {
            return Err(Error::new_spanned(
                self.correlation_tokens(),
                "the parameters that tell about several dimensions, or about the first element, \
                 must come before the array",
            ));
        }
        let (args, variable) = (self.args(krate, fields, access), self.variable());
        Ok(if shape::is_text(krate, &self.ty, &self.attributes) {
            quote!((#args).check_late_varying(&#variable, 1))
        } else if self.attributes.length_is.is_some() || self.attributes.varying.is_some() {
            quote!((#args).check_late_varying(&#variable, 0))
        } else {
            quote!((#args).check_late(&#variable))
        })
    }
}
